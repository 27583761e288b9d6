"""Finding the terms of a lexicon in many documents at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

HASH_BASE = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Mentions:
    """Where terms stand in a block of documents.

    Attributes:
        documents: how many documents the block has.
        term: int64[m], the term of each mention; mentions are in text order.
        sentence: int64[m], the sentence each stands in; numbered through the block.
        units: int64[sentences], words (spaced scripts) or Han characters (Chinese) of each sentence.
        document: int64[sentences], the document of each sentence.
    """

    documents: int
    term: np.ndarray
    sentence: np.ndarray
    units: np.ndarray
    document: np.ndarray


def blocks(texts: pa.LargeStringArray, most_bytes: int) -> Iterator[tuple[int, pa.LargeStringArray]]:
    """Cut `texts` into runs of about `most_bytes` bytes (one document at least); yields (start, run)."""
    offsets = text_offsets(texts)
    start = 0
    while start < len(texts):
        stop = int(np.searchsorted(offsets, offsets[start] + most_bytes, side="right")) - 1
        stop = min(max(stop, start + 1), len(texts))
        yield start, texts.slice(start, stop - start)
        start = stop


def text_offsets(texts: pa.LargeStringArray) -> np.ndarray:
    """Byte offsets into the values buffer: int64[len(texts) + 1]."""
    return np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]


def text_bytes(texts: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """The UTF-8 bytes of all texts in one array (uint8) and where each begins and ends (int64[n + 1])."""
    texts = pc.fill_null(texts, "")
    offsets = text_offsets(texts)
    if len(texts) == 0 or texts.buffers()[2] is None:
        return np.zeros(0, dtype=np.uint8), np.zeros(len(texts) + 1, dtype=np.int64)
    data = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def longest_first(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Which of the candidate matches stand when text is read left to right, taking the longest each time.

    Args:
        start, end: int64[m], half-open spans in any order.

    Returns:
        Indices of the chosen candidates in text order; chosen spans do not overlap.
    """
    if not len(start):
        return np.zeros(0, dtype=np.intp)
    order = np.lexsort((-end, start))
    first, last = start[order], end[order]
    # A candidate that begins behind all before it starts a run; only within a run is there a choice.
    reach = np.maximum.accumulate(last)
    opens = np.ones(len(order), dtype=bool)
    opens[1:] = first[1:] >= reach[:-1]
    chosen = opens.copy()
    run_end = np.append(np.flatnonzero(opens)[1:], len(order))
    for begin, stop in zip(np.flatnonzero(opens), run_end, strict=True):
        if stop - begin > 1:
            covered = last[begin]
            for position in range(begin + 1, stop):
                if first[position] >= covered:
                    chosen[position] = True
                    covered = last[position]
    return order[chosen]


class TermTable:
    """Looks up hashes of term candidates: hash -> term id."""

    def __init__(self, hashes: np.ndarray, ids: np.ndarray):
        order = np.argsort(hashes)
        self.hashes, self.ids = hashes[order], ids[order]
        self._sieve = np.zeros(1 << 16, dtype=bool)
        self._sieve[(self.hashes >> np.uint64(48)).astype(np.intp)] = True

    def find(self, hashes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Positions in `hashes` (uint64) that are terms, and the term ids there."""
        if not len(self.hashes):
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.int64)
        maybe = np.flatnonzero(self._sieve[(hashes >> np.uint64(48)).astype(np.uint16)])
        place = np.minimum(np.searchsorted(self.hashes, hashes[maybe]), len(self.hashes) - 1)
        hit = self.hashes[place] == hashes[maybe]
        return maybe[hit], self.ids[place[hit]]
