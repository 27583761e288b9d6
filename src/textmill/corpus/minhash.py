"""MinHash signatures and the candidate pairs that locality-sensitive hashing finds with them.

A signature has `rows` × `bands` values. Row r is one one-permutation sketch (Li, Owen and Zhang 2012): the
shingle hashes are multiplied by the row's own odd number and thrown into `bands` bins by the upper bits, each
bin keeps its smallest value, and an empty bin borrows from a filled one in an order fixed beforehand for that
row and bin (optimal densification, Shrivastava 2017). Band b is made of bin b of every row. The values within
a band are thus independent, as in the original scheme, at `rows` products per shingle instead of `rows` ×
`bands`.

Two documents of Jaccard similarity s agree in at least one band with probability about
1 - (1 - s^rows)^bands (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4). They are then
candidates; whether they are near-duplicates is settled by the exact Jaccard similarity.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from textmill.corpus.shingles import Int64s, Uint64s, mixed

NO_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)
_ROW_BASE = np.uint64(0x9FB21C651E98DF25)
_PAIRS_PER_BLOCK = 200_000


class MinHash:
    """Turns sets of shingle hashes into band keys.

    Args:
        bands: number of bands, which is also the number of bins of a sketch.
        rows: values per band.
        seed: chooses the hash functions and the order of borrowing.
    """

    def __init__(self, bands: int, rows: int, seed: int):
        chosen = np.random.Generator(np.random.PCG64(seed))
        self.bands, self.rows = bands, rows
        self._salts = chosen.integers(0, 2**64, size=rows, dtype=np.uint64, endpoint=False) | np.uint64(1)
        self._lenders = np.stack(
            [chosen.permuted(np.tile(np.arange(bands), (bands, 1)), axis=1) for _ in range(rows)]
        )

    def band_keys(self, hashes: Uint64s, offsets: Int64s) -> npt.NDArray[np.uint64]:
        """The keys of a batch of documents; documents of equal key in the same column are candidates.

        Args:
            hashes: the documents' shingle hashes, one after the other; repetitions change nothing.
            offsets: where each document's begin, plus the end.

        Returns:
            uint64 of shape (documents, bands). A document without shingles has the key 2^64 - 1.
        """
        count = len(offsets) - 1
        sizes = np.diff(offsets)
        cells = np.repeat(np.arange(count, dtype=np.uint64) * np.uint64(self.bands), sizes)
        keys = np.zeros((count, self.bands), np.uint64)
        for row in range(self.rows):
            values = hashes * self._salts[row]
            # The bins are ranges of equal size, so that a bin's smallest value is that of a random shingle.
            bins = values >> np.uint64(32)
            bins *= np.uint64(self.bands)
            bins >>= np.uint64(32)
            bins += cells
            sketch = np.full(count * self.bands, NO_KEY)
            np.minimum.at(sketch, bins.view(np.int64), values)
            self._fill(sketch.reshape(count, self.bands), row)
            keys += sketch.reshape(count, self.bands)
            keys *= _ROW_BASE
        keys = mixed(keys)
        keys[sizes == 0] = NO_KEY
        return keys

    def _fill(self, sketch: npt.NDArray[np.uint64], row: int) -> None:
        """Replace each empty bin of a sketch by its first filled lender."""
        lent = sketch.copy()
        documents, bins = np.nonzero(sketch == NO_KEY)
        for turn in range(self.bands):
            if not len(documents):
                return
            values = lent[documents, self._lenders[row, bins, turn]]
            sketch[documents, bins] = values
            still = values == NO_KEY
            documents, bins = documents[still], bins[still]


class Band:
    """The buckets of one band: documents that share a key are in the same bucket.

    Args:
        keys: uint64, one per document.
    """

    def __init__(self, keys: Uint64s):
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        fresh = np.concatenate(([True], ordered[1:] != ordered[:-1]))[: len(keys)]
        bounds = np.append(np.flatnonzero(fresh), len(keys))
        sizes = np.diff(bounds)
        shared = (sizes > 1) & (ordered[bounds[:-1]] != NO_KEY)
        self._documents = order[np.repeat(shared, sizes)]
        self._sizes = sizes[shared]

    def neighbours(self) -> npt.NDArray[np.int64]:
        """Each document with the next one in its bucket: the fewest pairs that connect every bucket.

        Returns:
            int64 of shape (pairs, 2), the smaller index first.
        """
        last = np.zeros(len(self._documents), bool)
        last[np.cumsum(self._sizes) - 1] = True
        first = np.flatnonzero(~last)
        return np.stack((self._documents[first], self._documents[first + 1]), axis=1)

    def others(self, component: Int64s) -> Iterator[npt.NDArray[np.int64]]:
        """All other pairs, in blocks of bounded size, of the buckets that are not yet in one component.

        A large bucket of alike documents is in one component once its neighbours are joined; then it costs
        nothing more.

        Args:
            component: int64, one per document, as it is after the neighbours were joined.

        Yields:
            int64 of shape (pairs, 2), the smaller index first.
        """
        if not len(self._sizes):
            return
        starts = np.cumsum(self._sizes) - self._sizes
        members = component[self._documents]
        apart = np.logical_or.reduceat(members != np.repeat(members[starts], self._sizes), starts)
        documents = self._documents[np.repeat(apart, self._sizes)]
        ends = np.repeat(np.cumsum(self._sizes[apart]), self._sizes[apart])
        block, size, distance = [], 0, 2
        places = np.flatnonzero(np.arange(len(documents)) + distance < ends)
        while len(places):
            block.append(np.stack((documents[places], documents[places + distance]), axis=1))
            size += len(places)
            if size >= _PAIRS_PER_BLOCK:
                yield np.concatenate(block)
                block, size = [], 0
            distance += 1
            places = places[places + distance < ends[places]]
        if block:
            yield np.concatenate(block)
