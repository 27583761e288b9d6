"""The learning rate over a run."""

from __future__ import annotations


def trapezoid(step: int, steps: int, warmup: float, decay: float) -> float:
    """Warmup-stable-decay (Hu et al. 2024): the factor on the learning rate at `step`, from 0 to 1.

    Args:
        step: 0 … steps - 1.
        steps: steps of the run.
        warmup: share of the run in which the factor rises linearly.
        decay: share of the run, at its end, in which it falls linearly towards 0.
    """
    rise = (step + 1) / max(1.0, warmup * steps)
    fall = (steps - step) / max(1.0, decay * steps)
    return min(1.0, rise, fall)
