"""Notice steps that must not be taken: a loss or gradient that is no number, a loss far above the others."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

REMEMBERED = 64
"""Losses that a spike is judged by."""

FEWEST = 16
"""Losses needed before anything counts as a spike: a run begins with a steep fall."""


def fault(loss: float, norm: float, recent: Sequence[float], spike: float | None) -> str:
    """What is wrong with a step, in words, or an empty string.

    Args:
        loss: of the step's batch.
        norm: of its gradient, before clipping.
        recent: losses of the good steps before it, the last `REMEMBERED` of them.
        spike: how many times the median of `recent` a loss may be; None for no limit.
    """
    if not math.isfinite(loss):
        return f"the loss became {loss}"
    if not math.isfinite(norm):
        return f"the norm of the gradient became {norm}"
    if spike is not None and len(recent) >= FEWEST:
        usual = statistics.median(recent)
        if loss > spike * usual:
            return f"the loss rose to {loss:.4g}, {loss / usual:.1f} times the usual {usual:.4g}"
    return ""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory, on a CUDA device or on the CPU."""
    import torch

    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("DefaultCPUAllocator: can't allocate memory" in str(error) or "not enough memory" in str(error))
    )
