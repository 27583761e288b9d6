"""Masked language modelling beside transformers' Trainer, tuned as far as it goes."""

from __future__ import annotations

from benchmarks.training_peers import compared_rows, ours, trainer

TITLE = "Masked language modelling, speed"
NOTE = """\
As for causal language modelling, ModernBertForMaskedLM, 15 % of the tokens masked by the same code. \
Ours runs the head at masked positions only and is not compiled; the tuned Trainer is, and runs it \
everywhere."""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    return compared_rows(
        {"Trainer, tuned": ("against the tuned Trainer, same model", 1.5)},
        {"ours": (ours, ("encoder",)), "Trainer, tuned": (trainer, ("encoder", True))},
    )
