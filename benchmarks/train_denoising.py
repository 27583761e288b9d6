"""Denoising beside transformers' Trainer, tuned as far as it goes."""

from __future__ import annotations

from benchmarks.training_peers import compared_rows, ours, trainer

TITLE = "Denoising, speed"
NOTE = """\
As for causal language modelling, T5ForConditionalGeneration, spans of three tokens hidden by the same \
code; windows of 256 tokens, of which 15 % are hidden. Ours is not compiled; the tuned Trainer is."""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    return compared_rows(
        {"Trainer, tuned": ("against the tuned Trainer, same model", 1.3)},
        {"ours": (ours, ("seq2seq",)), "Trainer, tuned": (trainer, ("seq2seq", True))},
    )
