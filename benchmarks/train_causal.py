"""Causal pretraining beside transformers' Trainer and a loop in the manner of nanoGPT."""

from __future__ import annotations

from benchmarks.training_peers import compared_rows, nanogpt, ours, trainer

TITLE = "Causal language modelling, speed"
NOTE = """\
NOTE
"""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    return compared_rows(
        {
            "Trainer": ("against the Trainer's defaults, same model", 4.5),
            "Trainer, tuned": ("against the best-tuned Trainer, same model", 1.25),
            "GPT-2 loop": ("against a GPT-2 loop after nanoGPT's README", 0.0),
            "GPT-2 loop, tuned": ("against that loop, tuned", 1.2),
            "plain": ("compiled layers (`compile: true`) against the default", 0.0),
        },
        {
            "ours": (ours, ("decoder", True)),
            "plain": (ours, ("decoder", False)),
            "Trainer": (trainer, ("decoder", False)),
            "Trainer, tuned": (trainer, ("decoder", True)),
            "GPT-2 loop": (nanogpt, (False,)),
            "GPT-2 loop, tuned": (nanogpt, (True,)),
        },
    )
