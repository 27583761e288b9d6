"""Two halves of the documents by their texts, so that none is judged by a model that learned from it.

Equal texts are in the same half.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xxhash

FOLDS = 2


def draws(texts: Sequence[str], seed: int) -> npt.NDArray[np.uint64]:
    """A number for each document that depends on its text and the seed alone (uint64)."""
    return np.array([xxhash.xxh3_64_intdigest(text.encode(), seed=seed) for text in texts], np.uint64)


def fold_of(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Which half each document is in, 0 or 1 (int64), from its number."""
    return (numbers % np.uint64(FOLDS)).astype(np.int64)
