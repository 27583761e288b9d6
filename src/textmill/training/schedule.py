"""The learning rate over a run."""

from __future__ import annotations

import math
from collections.abc import Callable


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


def cosine(step: int, steps: int, warmup: float, decay: float) -> float:
    """Half a cosine from 1 to 0 after the warmup (Loshchilov & Hutter 2017); arguments as `trapezoid`.

    `decay` has no part in it: the factor falls from the end of the warmup on.
    """
    length = max(1.0, warmup * steps)
    if step + 1 < length:
        return (step + 1) / length
    done = (step + 1 - length) / max(1.0, steps + 1 - length)
    return 0.5 * (1.0 + math.cos(math.pi * done))


SCHEDULES: dict[str, Callable[[int, int, float, float], float]] = {"wsd": trapezoid, "cosine": cosine}
"""By the name that params.yaml has for them."""
