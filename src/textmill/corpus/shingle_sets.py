"""The shingles of a corpus, kept on disk, and the exact Jaccard similarity of pairs of their sets."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from textmill.corpus.shingles import Int64s, Uint64s

_SHINGLES_AT_ONCE = 1 << 21
_PAIRS_AT_ONCE = 1 << 19
# A set's number within a block takes the upper bits of a key, 44 bits of the hash the others: two sets of
# 1,000 shingles share one by chance once in 17 million times.
_NUMBER_BITS = np.uint64(44)
_HASH_SHIFT = np.uint64(20)
_LARGEST = np.uint64(0xFFFFFFFFFFFFFFFF)
_ROW_WIDTHS = (1, 16, 32, 64, 128, 256)


class ShingleFile:
    """64-bit shingle hashes at the start of a file, read through a memory map.

    Args:
        descriptor: of the open file.
        shingles: how many there are.
        check: called with the begin and the end (in shingles) of what is read for the first time.
    """

    def __init__(self, descriptor: int, shingles: int, check: Callable[[Int64s, Int64s], None] | None = None):
        self._check = check
        self._map = mmap.mmap(descriptor, 8 * shingles, access=mmap.ACCESS_READ) if shingles else None

    def read(self, begin: Int64s, sizes: Int64s) -> Uint64s:
        """The shingles of the ranges [begin, begin + size), one range after the other."""
        if self._map is None:
            return np.zeros(0, np.uint64)
        if self._check is not None:
            self._check(begin, begin + sizes)
        found = np.frombuffer(self._map, np.uint64)[ranges(begin, sizes)]
        # What was read is of no use soon again; resident, the whole file would in the end be memory.
        self._map.madvise(mmap.MADV_DONTNEED)
        return found


class ShingleSpool:
    """Takes shingles one after the other into a file without a name.

    They take eight bytes each, more than the text. The system frees the file when the process ends, however
    it ends.
    """

    def __init__(self, scratch: str | os.PathLike[str]):
        self._file = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
        self._shingles = 0

    def __enter__(self) -> ShingleSpool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, hashes: Uint64s) -> None:
        """Add the shingles of the next texts, in any order within a text, repetitions included."""
        self._file.write(hashes.data)
        self._shingles += len(hashes)

    def sealed(self) -> ShingleFile:
        """What was appended, for reading."""
        self._file.flush()
        return ShingleFile(self._file.fileno(), self._shingles)


class ShingleSets:
    """The sets of shingles of texts that are spread over files.

    Args:
        files: the files.
        file: int64, the file of each set, ascending.
        begin, sizes: int64, where in its file each set's shingles begin and how many there are, repetitions
            included.
    """

    def __init__(self, files: Sequence[ShingleFile], file: Int64s, begin: Int64s, sizes: Int64s):
        self._files, self._file, self._begin, self._sizes = files, file, begin, sizes

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
        sizes = self._sizes[used]
        parts = np.searchsorted(self._file[used], np.arange(len(self._files) + 1))
        keys = np.concatenate(
            [
                file.read(self._begin[used[start:stop]], sizes[start:stop])
                for file, start, stop in zip(self._files, parts[:-1], parts[1:], strict=True)
                if stop > start
            ]
        )
        keys >>= _HASH_SHIFT
        keys |= np.repeat(np.arange(len(used), dtype=np.uint64) << _NUMBER_BITS, sizes)
        sort_within(keys, sizes)
        fresh = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=fresh[1:])
        return keys[fresh]


def sort_within(keys: Uint64s, sizes: Int64s) -> None:
    """Sort the keys of each set in place; the sets lie one after the other, with `sizes` keys each.

    Rows of a matrix that are no wider than numpy's sorting networks take a third of the time of one long
    array, and a tenth where the processor is slow at AVX-512's compress, on which longer sorts are built.
    """
    begin = np.cumsum(sizes) - sizes
    for least, width in pairwise(_ROW_WIDTHS):
        chosen = np.flatnonzero((sizes > least) & (sizes <= width))
        places = ranges(begin[chosen], sizes[chosen])
        filled = np.arange(width) < sizes[chosen, None]
        rows = np.full(filled.shape, _LARGEST)
        rows[filled] = keys[places]
        rows.sort(axis=1)
        keys[places] = rows[filled]
    for place in np.flatnonzero(sizes > _ROW_WIDTHS[-1]):
        keys[begin[place] : begin[place] + sizes[place]].sort()


def _shared(keys: Uint64s, bounds: Int64s, few: Int64s, many: Int64s) -> Int64s:
    """How many hashes each pair of sets shares; those of `few` are looked up among those of `many`."""
    sizes = np.diff(bounds)[few]
    mask = (np.uint64(1) << _NUMBER_BITS) - np.uint64(1)
    wanted = keys[ranges(bounds[few], sizes)] & mask
    wanted |= np.repeat(many.astype(np.uint64) << _NUMBER_BITS, sizes)
    found = np.searchsorted(keys, wanted)
    hits = np.concatenate(([0], np.cumsum(np.append(keys, np.uint64(0))[found] == wanted)))
    ends = np.cumsum(sizes)
    return hits[ends] - hits[ends - sizes]


def ranges(starts: Int64s, sizes: Int64s) -> Int64s:
    """The integers of the ranges [start, start + size), one range after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - sizes), sizes)
