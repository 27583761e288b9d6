"""Word vectors of unit length, by word."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.shards import write_table


@dataclass(frozen=True)
class Vectors:
    """Words and their vectors: float32[words, dimensions], each of length one (a zero vector stays)."""

    words: list[str]
    matrix: npt.NDArray[np.float32]

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    def of(self, words: Sequence[str]) -> npt.NDArray[np.float64]:
        """Vectors of `words`, which must be known: float64[len(words), dimensions]."""
        return self.matrix[[self.index[word] for word in words]].astype(np.float64)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write `word` string and `vector` list<float> as one Parquet file."""
        flat = pa.array(self.matrix.ravel(), pa.float32())
        vectors = pa.FixedSizeListArray.from_arrays(flat, self.matrix.shape[1])
        write_table(path, pa.table({"word": pa.array(self.words, pa.string()), "vector": vectors}))


def unit_length(words: list[str], matrix: npt.NDArray[np.floating]) -> Vectors:
    """Vectors scaled to length one."""
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    return Vectors(words, (matrix / np.where(length > 0, length, 1)).astype(np.float32))
