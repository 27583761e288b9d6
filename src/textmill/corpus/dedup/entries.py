"""A shard's analysis, and the form of it that other shards are looked up in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from textmill.corpus.dedup.analysis import Analysis
from textmill.corpus.shingle_sets import ShingleFile
from textmill.corpus.shingles import Int64s, Uint64s


@dataclass(frozen=True)
class Sorted:
    """The texts of an entry by digest and by key.

    Attributes:
        digest_order: int64, the texts by the first half of their digests.
        keys: uint64 of shape (bands, texts), each band's keys in ascending order.
        key_order: uint32 of the same shape, the texts that they are of.
    """

    digest_order: Int64s
    keys: Uint64s
    key_order: npt.NDArray[np.uint32]

    @staticmethod
    def of(found: Analysis) -> Sorted:
        """Sort an analysis."""
        assert found.keys is not None
        by_band = np.ascontiguousarray(found.keys.T)
        order = np.argsort(by_band, axis=1, kind="stable")
        return Sorted(
            np.argsort(found.digests[:, 0], kind="stable"),
            np.take_along_axis(by_band, order, axis=1),
            order.astype(np.uint32),
        )

    def unsorted_keys(self) -> Uint64s:
        """The keys as `Analysis` has them, uint64 of shape (texts, bands)."""
        keys = np.empty(self.keys.shape[::-1], np.uint64)
        for band, order in enumerate(self.key_order):
            keys[order, band] = self.keys[band]
        return keys


@dataclass(frozen=True)
class Entry:
    """The documents of a shard, their distinct texts, and where the texts' shingles are.

    Attributes:
        found: the analysis.
        shingles: the file that holds the shingles of all texts.
        begin: int64, where each text's shingles begin in it.
        sorted: for lookups; None where nothing is looked up.
    """

    found: Analysis
    shingles: ShingleFile
    begin: Int64s
    sorted: Sorted | None = None

    @property
    def texts(self) -> int:
        """How many distinct texts there are."""
        return len(self.found.digests)

    def keys(self) -> Uint64s:
        """The band keys, uint64 of shape (texts, bands)."""
        if self.found.keys is not None:
            return self.found.keys
        assert self.sorted is not None
        return self.sorted.unsorted_keys()
