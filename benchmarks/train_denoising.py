"""Denoising beside transformers' Trainer, tuned as far as it goes."""

from __future__ import annotations

from benchmarks.training_peers import compared_rows, ours, trainer

TITLE = "Denoising, speed"
NOTE = """\
NOTE
"""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    return compared_rows(
        {"Trainer, tuned": ("against the tuned Trainer, same model", 1.3)},
        {"ours": (ours, ("seq2seq",)), "Trainer, tuned": (trainer, ("seq2seq", True))},
    )
