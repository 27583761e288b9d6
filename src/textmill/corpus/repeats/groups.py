"""Occurrences of runs of text, and which of them are repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from textmill.corpus.repeats.texts import Bools, Int64s, Uint64s
from textmill.corpus.spans import SPAN


@dataclass(frozen=True)
class Occurrences:
    """Runs of text in a batch, by document and start.

    Attributes:
        document: int64, its number in the batch.
        start, end: int64, code points from the start of the document, half-open: what would be cut.
        high, low: uint64, the hash of the run.
    """

    document: Int64s
    start: Int64s
    end: Int64s
    high: Uint64s
    low: Uint64s

    def at(self, chosen: Int64s | Bools) -> Occurrences:
        """Some of them, in order."""
        return Occurrences(
            self.document[chosen], self.start[chosen], self.end[chosen], self.high[chosen], self.low[chosen]
        )

    def among(self, high: Uint64s, low: Uint64s) -> Occurrences:
        """Those whose hash is in two arrays that `repeated_hashes` made."""
        if not len(high):
            return self.at(np.zeros(0, np.int64))
        place = np.minimum(np.searchsorted(high, self.high), len(high) - 1)
        return self.at((high[place] == self.high) & (low[place] == self.low))


def repeated_hashes(high: Uint64s, low: Uint64s) -> tuple[Uint64s, Uint64s]:
    """The hashes that occur more than once, ascending by their upper half, each once."""
    order = np.lexsort((low, high))
    high, low = high[order], low[order]
    fresh = np.ones(len(high), bool)
    fresh[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
    sizes = np.diff(np.append(np.flatnonzero(fresh), len(high)))
    first = np.flatnonzero(fresh)[sizes > 1]
    return high[first], low[first]


def spans_of(rows: Sequence[tuple[pa.Array, Occurrences]], rule: str) -> pa.Table:
    """A table of schema `SPAN`; groups are numbered by where they are first seen."""
    parts = [(ids, found) for ids, found in rows if len(found.document)]
    if not parts:
        return SPAN.empty_table()
    high, low = (np.concatenate([getattr(found, name) for _, found in parts]) for name in ("high", "low"))
    return pa.table(
        [
            pa.chunked_array([ids.take(pa.array(found.document)) for ids, found in parts]).cast(pa.string()),
            pa.array(np.concatenate([found.start for _, found in parts])),
            pa.array(np.concatenate([found.end for _, found in parts])),
            pa.repeat(pa.scalar(rule), len(high)),
            pa.array(numbered(high, low)),
        ],
        schema=SPAN,
    ).combine_chunks()


def numbered(high: Uint64s, low: Uint64s) -> Int64s:
    """Equal hashes get equal numbers, from 0, in the order in which they are first seen."""
    order = np.lexsort((np.arange(len(high)), low, high))
    fresh = np.ones(len(high), bool)
    fresh[1:] = (high[order][1:] != high[order][:-1]) | (low[order][1:] != low[order][:-1])
    first = order[np.flatnonzero(fresh)]
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    group = np.empty(len(high), np.int64)
    group[order] = rank[np.cumsum(fresh) - 1]
    return group
