"""What a metric is: per-item statistics that add up, and a score of their sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """A corpus-level metric that is a function of sums over items.

    Attributes:
        name: the key in reports.
        statistics: (predictions, targets), n strings each, to a float64 array of shape (n, k).
        score: sums of statistics, shape (..., k), to scores of shape (...).
        better: which direction is good.
    """

    name: str
    statistics: Callable[[Sequence[str], Sequence[str]], Floats]
    score: Callable[[Floats], Floats]
    better: Better = "higher"


def mean_score(sums: Floats) -> Floats:
    """Mean from sums of (value, 1)."""
    return sums[..., 0] / sums[..., 1]


def with_count(values: Floats) -> Floats:
    """Statistics of a mean: shape (n,) to (n, 2)."""
    return np.stack([values, np.ones_like(values)], axis=1)
