"""The shingle sets of a corpus, kept on disk, and the exact Jaccard similarity of pairs of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from textmill.corpus.shingles import Int64s, Uint64s

_SHINGLES_AT_ONCE = 1 << 21


class ShingleSets:
    """Sets of 64-bit shingle hashes, appended in order and read back through a memory map.

    They take eight bytes a shingle, more than the text, so they live in a file without a name in `scratch`:
    the system frees it when the process ends, however it ends.
    """

    def __init__(self, scratch: str | os.PathLike[str]):
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        self._sizes: list[Int64s] = []
        self._offsets = np.zeros(1, np.int64)
        self._hashes = np.zeros(0, np.uint64)

    def __enter__(self) -> ShingleSets:
        return self

    def __exit__(self, *_: object) -> None:
        self._hashes = np.zeros(0, np.uint64)
        self._file.close()

    def append(self, hashes: Uint64s, offsets: Int64s) -> None:
        """Add a batch of sets, each sorted and without repetition: hashes[offsets[i]:offsets[i + 1]]."""
        self._file.write(hashes.tobytes())
        self._sizes.append(np.diff(offsets))

    def seal(self) -> None:
        """Make the appended sets readable."""
        self._file.flush()
        sizes = np.concatenate([np.zeros(0, np.int64), *self._sizes])
        self._offsets = np.concatenate(([0], np.cumsum(sizes)))
        if self._offsets[-1]:
            self._hashes = np.memmap(self._file, np.uint64, mode="r")

    @property
    def sizes(self) -> Int64s:
        """Shingles per set."""
        return np.diff(self._offsets)

    def jaccard(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Exact Jaccard similarity |A ∩ B| / |A ∪ B| of each pair of set indices, int64 (pairs, 2).

        Two empty sets have similarity 0: nothing speaks for their texts being alike.
        """
        shared = np.zeros(len(pairs), np.int64)
        for start, stop in self._blocks(pairs):
            shared[start:stop] = self._shared(pairs[start:stop])
        union = self.sizes[pairs].sum(axis=1) - shared
        return np.divide(shared, union, out=np.zeros(len(pairs)), where=union > 0)

    def _blocks(self, pairs: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Runs of pairs whose sets hold a bounded number of shingles, one pair at least."""
        ends = np.cumsum(self.sizes[pairs].sum(axis=1))
        start = 0
        while start < len(pairs):
            before = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, before + _SHINGLES_AT_ONCE, side="right")), start + 1)
            yield start, stop
            start = stop

    def _shared(self, pairs: npt.NDArray[np.int64]) -> Int64s:
        used, places = np.unique(pairs, return_inverse=True)
        sizes = self.sizes[used]
        bounds = np.concatenate(([0], np.cumsum(sizes)))
        inside = np.arange(bounds[-1]) - np.repeat(bounds[:-1], sizes)
        hashes = self._hashes[np.repeat(self._offsets[used], sizes) + inside]
        columns = np.unique(hashes, return_inverse=True)[1].astype(np.int32)
        sets = sparse.csr_array(
            (np.ones(len(columns), np.int32), columns, bounds), shape=(len(used), len(columns))
        )
        places = places.reshape(pairs.shape)
        both = sets[places[:, 0]].multiply(sets[places[:, 1]])
        return np.asarray(both.sum(axis=1)).ravel().astype(np.int64)
