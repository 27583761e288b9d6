"""MinHash signatures and the candidate pairs that locality-sensitive hashing finds with them.

A signature has `rows` × `bands` values. Row r is one one-permutation sketch (Li, Owen and Zhang 2012): the
shingles are hashed with the row's own function and thrown into `bands` bins, each bin keeps its smallest
value, and an empty bin borrows from a filled one in an order fixed beforehand for that row and bin (optimal
densification, Shrivastava 2017). Band b is made of bin b of every row. The values within a band are thus
independent, as in the original scheme, at `rows` hashes per shingle instead of `rows` × `bands`.

Two documents of Jaccard similarity s agree in at least one band with probability about
1 - (1 - s^rows)^bands (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4). They are then
candidates; whether they are near-duplicates is settled by the exact Jaccard similarity.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from textmill.corpus.shingles import Int64s, Uint64s, mixed

_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
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
        self._salts = chosen.integers(0, 2**64, size=rows, dtype=np.uint64, endpoint=False)
        self._lenders = np.stack(
            [chosen.permuted(np.tile(np.arange(bands), (bands, 1)), axis=1) for _ in range(rows)]
        )

    def band_keys(self, hashes: Uint64s, offsets: Int64s) -> npt.NDArray[np.uint64]:
        """The keys of a batch of documents; documents of equal key in the same column are candidates.

        Args:
            hashes: the documents' shingle hashes, one after the other.
            offsets: where each document's begin, plus the end.

        Returns:
            uint64 of shape (documents, bands). A document without shingles has the key 2^64 - 1.
        """
        count = len(offsets) - 1
        documents = np.repeat(np.arange(count), np.diff(offsets))
        keys = np.zeros((count, self.bands), np.uint64)
        for row in range(self.rows):
            values = mixed(hashes ^ self._salts[row])
            bins = ((values >> np.uint64(32)) * np.uint64(self.bands)) >> np.uint64(32)
            sketch = np.full(count * self.bands, _EMPTY)
            np.minimum.at(sketch, documents * self.bands + bins.astype(np.int64), mixed(values))
            keys = mixed(keys ^ self._filled(sketch.reshape(count, self.bands), row))
        keys[np.diff(offsets) == 0] = _EMPTY
        return keys

    def _filled(self, sketch: npt.NDArray[np.uint64], row: int) -> npt.NDArray[np.uint64]:
        """The sketch with each empty bin replaced by its first filled lender."""
        full = sketch.copy()
        for turn in range(self.bands):
            documents, bins = np.nonzero(full == _EMPTY)
            if not len(documents):
                break
            full[documents, bins] = sketch[documents, self._lenders[row, bins, turn]]
        return full


def band_candidates(keys: Uint64s) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the pairs of documents that share a key in one band, in blocks of bounded size.

    The first block pairs neighbours in each bucket. A caller that joins what it has verified before it asks
    for the next block, and drops pairs that are joined already, never verifies all pairs of a large bucket
    of alike documents.

    Args:
        keys: uint64, one band's key per document.

    Yields:
        int64 arrays of shape (pairs, 2), the smaller index first. Every pair is yielded once.
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    bounds = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    ends = np.repeat(bounds[1:], np.diff(bounds))
    places = np.flatnonzero((np.arange(len(ordered)) + 1 < ends) & (ordered != _EMPTY))
    block: list[npt.NDArray[np.int64]] = []
    size, distance = 0, 1
    while len(places):
        block.append(np.stack((order[places], order[places + distance]), axis=1))
        size += len(places)
        if distance == 1 or size >= _PAIRS_PER_BLOCK:
            yield np.concatenate(block)
            block, size = [], 0
        distance += 1
        places = places[places + distance < ends[places]]
    if block:
        yield np.concatenate(block)
