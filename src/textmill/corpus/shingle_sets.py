"""The shingles of a corpus, kept on disk, and the exact Jaccard similarity of pairs of their sets."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from textmill.corpus.shingles import Int64s, Uint64s

_SHINGLES_AT_ONCE = 1 << 21
_PAIRS_AT_ONCE = 1 << 19
# A set's number within a block takes the upper bits of a key, 44 bits of the hash the others: two sets of
# 1,000 shingles share one by chance once in 17 million times.
_NUMBER_BITS = np.uint64(44)
_HASH_SHIFT = np.uint64(20)


class ShingleSets:
    """Bags of 64-bit shingle hashes, appended in order and read back through a memory map, as sets.

    They take eight bytes a shingle, more than the text, so they live in a file without a name in `scratch`:
    the system frees it when the process ends, however it ends.
    """

    def __init__(self, scratch: str | os.PathLike[str]):
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        self._begin = self._sizes = np.zeros(0, np.int64)
        self._map: mmap.mmap | None = None

    def __enter__(self) -> ShingleSets:
        return self

    def __exit__(self, *_: object) -> None:
        if self._map is not None:
            self._map.close()
        self._file.close()

    def append(self, hashes: Uint64s) -> None:
        """Add the shingles of the next texts, in any order within a text, repetitions included."""
        self._file.write(hashes.data)

    def seal(self, sizes: Int64s, chosen: Int64s | None = None) -> None:
        """Make the sets readable.

        Args:
            sizes: int64, the shingles appended for each text, repetitions included.
            chosen: which of the texts to number from 0; None is all of them.
        """
        self._file.flush()
        begin = np.cumsum(sizes) - sizes
        self._begin, self._sizes = (begin, sizes) if chosen is None else (begin[chosen], sizes[chosen])
        if sizes.sum():
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def jaccard(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Exact Jaccard similarity |A ∩ B| / |A ∪ B| of each pair of set indices, int64 (pairs, 2).

        Two empty sets have similarity 0: nothing speaks for their texts being alike.
        """
        similarity = np.zeros(len(pairs))
        for start, stop in self._blocks(pairs):
            similarity[start:stop] = self._similarity(pairs[start:stop])
        return similarity

    def _blocks(self, pairs: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Runs of pairs whose sets hold a bounded number of shingles, one pair at least."""
        ends = np.cumsum(self._sizes[pairs].sum(axis=1))
        start = 0
        while start < len(pairs):
            before = ends[start - 1] if start else 0
            stop = max(int(np.searchsorted(ends, before + _SHINGLES_AT_ONCE, side="right")), start + 1)
            yield start, (stop := min(stop, start + _PAIRS_AT_ONCE))
            start = stop

    def _similarity(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        used, places = np.unique(pairs, return_inverse=True)
        keys = self._keys(used)
        bounds = np.searchsorted(keys, np.arange(len(used) + 1, dtype=np.uint64) << _NUMBER_BITS)
        sizes = np.diff(bounds)
        places = places.reshape(pairs.shape)
        smaller = sizes[places[:, 0]] <= sizes[places[:, 1]]
        few, many = np.where(smaller, places.T, places.T[::-1])
        shared = _shared(keys, bounds, few, many)
        union = sizes[few] + sizes[many] - shared
        return np.divide(shared, union, out=np.zeros(len(pairs)), where=union > 0)

    def _keys(self, used: Int64s) -> Uint64s:
        """The sets' distinct hashes: a set's place in `used`, then 44 bits of the hash, ascending."""
        if self._map is None:
            return np.zeros(0, np.uint64)
        sizes = self._sizes[used]
        number = np.repeat(np.arange(len(used), dtype=np.uint64) << _NUMBER_BITS, sizes)
        keys = np.frombuffer(self._map, np.uint64)[_ranges(self._begin[used], sizes)] >> _HASH_SHIFT
        # What was read is of no use soon again; resident, the whole file would in the end be memory.
        self._map.madvise(mmap.MADV_DONTNEED)
        keys |= number
        keys.sort()
        fresh = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
        return keys[fresh]


def _shared(keys: Uint64s, bounds: Int64s, few: Int64s, many: Int64s) -> Int64s:
    """How many hashes each pair of sets shares; those of `few` are looked up among those of `many`."""
    sizes = np.diff(bounds)[few]
    mask = (np.uint64(1) << _NUMBER_BITS) - np.uint64(1)
    wanted = keys[_ranges(bounds[few], sizes)] & mask
    wanted |= np.repeat(many.astype(np.uint64) << _NUMBER_BITS, sizes)
    found = np.searchsorted(keys, wanted)
    hits = np.concatenate(([0], np.cumsum(np.append(keys, np.uint64(0))[found] == wanted)))
    ends = np.cumsum(sizes)
    return hits[ends] - hits[ends - sizes]


def _ranges(starts: Int64s, sizes: Int64s) -> Int64s:
    """The integers of the ranges [start, start + size), one range after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - sizes), sizes)
