"""Two halves of the documents by their ids, so that no document is judged by a model that learned from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xxhash

FOLDS = 2


def draws(ids: Sequence[str], seed: int) -> npt.NDArray[np.uint64]:
    """A number for each document that depends on its id and the seed alone (uint64)."""
    return np.array([xxhash.xxh3_64_intdigest(name.encode(), seed=seed) for name in ids], np.uint64)


def fold_of(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Which half each document is in, 0 or 1 (int64), from its number."""
    return (numbers % np.uint64(FOLDS)).astype(np.int64)
