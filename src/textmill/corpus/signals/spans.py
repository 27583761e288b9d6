"""Pieces of the text of a batch of documents, in order, and sums over those of each document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Spans:
    """Pieces of the text of a batch, in order.

    Attributes:
        start, end: first character and the one behind the last, int64.
        offsets: int64, documents + 1; the pieces of document i are those from offsets[i] to offsets[i + 1].
    """

    start: np.ndarray
    end: np.ndarray
    offsets: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Characters of each piece."""
        return self.end - self.start

    @cached_property
    def document(self) -> np.ndarray:
        """The document of each piece (int64)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def take(self, chosen: np.ndarray) -> Spans:
        """The pieces where the mask `chosen` is true."""
        return Spans(self.start[chosen], self.end[chosen], bounds_within(chosen, self.offsets))

    def count(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """How many pieces each document has, or how many where the mask `chosen` is true (int64)."""
        return np.diff(self.offsets if chosen is None else bounds_within(chosen, self.offsets))

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of `values` (integers, one per piece) in each document (int64)."""
        return np.diff(_running(values, self.offsets))

    def largest(self, values: np.ndarray) -> np.ndarray:
        """The largest of `values` (one per piece) in each document, 0 where it has no piece."""
        result = np.zeros(len(self.offsets) - 1, values.dtype)
        filled = self.count() > 0
        if filled.any():
            result[filled] = np.maximum.reduceat(values, self.offsets[:-1][filled])
        return result


def bounds_within(chosen: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The offsets (int64) that are left when only the pieces where the mask `chosen` is true stay."""
    return _running(chosen, offsets)


def _running(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return sums[offsets]


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` (float64), 0 where `whole` is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=np.asarray(whole) > 0)
