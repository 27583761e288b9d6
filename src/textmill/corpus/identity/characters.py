"""Terms of Chinese, which writes no spaces: the longest term at each place."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from textmill.corpus.identity.lexicon import Lexicon
from textmill.corpus.identity.mentions import (
    HASH_BASE,
    Mentions,
    TermTable,
    longest_first,
    text_bytes,
)

_SENTENCE_END = np.array([ord(mark) for mark in "。！？!?；;\n"], dtype=np.uint32)


class CharacterFinder:
    """Finds terms as runs of characters, reading left to right and taking the longest each time.

    A sentence ends at 。！？!?；; and at a line break. Its length is counted in Han characters.
    """

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        self.begins = np.zeros(0x110000, dtype=bool)
        self.begins[[ord(term[0]) for term in lexicon.terms]] = True
        sizes = np.array([len(term) for term in lexicon.terms])
        self.tables: list[tuple[int, TermTable]] = []
        for size in sorted(set(sizes.tolist())):
            ids = np.flatnonzero(sizes == size)
            points = np.array([_code_points(lexicon.terms[number].encode()) for number in ids])
            self.tables.append((size, TermTable(_hash_rows(points), ids)))

    def find(self, texts: pa.LargeStringArray) -> Mentions:
        """All mentions in a block of documents."""
        data, byte_offsets = text_bytes(texts)
        points = _code_points(data.tobytes())
        # A byte that is not a continuation byte begins a character.
        characters_before = np.concatenate(([0], np.cumsum((data & 0xC0) != 0x80)))
        offsets = characters_before[byte_offsets]
        is_start = np.zeros(len(points) + 1, dtype=bool)
        is_start[offsets] = True
        is_start[1:] |= np.isin(points, _SENTENCE_END)
        is_start[-1] = False
        sentence_start = np.flatnonzero(is_start)
        start, end, term = self._candidates(points, offsets)
        chosen = longest_first(start, end)
        han = ((points >= 0x4E00) & (points <= 0x9FFF)) | ((points >= 0x3400) & (points <= 0x4DBF))
        return Mentions(
            documents=len(texts),
            term=term[chosen],
            sentence=np.searchsorted(sentence_start, start[chosen], side="right") - 1,
            units=np.add.reduceat(han, sentence_start, dtype=np.int64)
            if len(points)
            else np.zeros(0, dtype=np.int64),
            document=np.searchsorted(offsets, sentence_start, side="right") - 1,
        )

    def _candidates(
        self, points: np.ndarray, offsets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        places = np.flatnonzero(self.begins[points])
        room = offsets[np.searchsorted(offsets, places, side="right")] - places
        starts, ends, terms = [], [], []
        for size, table in self.tables:
            fits = places[room >= size]
            hit, term = table.find(_hash_rows(points[fits[:, None] + np.arange(size)]))
            starts.append(fits[hit])
            ends.append(fits[hit] + size)
            terms.append(term)
        return np.concatenate(starts), np.concatenate(ends), np.concatenate(terms)


def _code_points(data: bytes) -> np.ndarray:
    return np.frombuffer(data.decode("utf-8").encode("utf-32-le"), dtype=np.uint32)


def _hash_rows(points: np.ndarray) -> np.ndarray:
    """One 64-bit hash per row of code points: uint64[rows]."""
    total = np.zeros(len(points), dtype=np.uint64)
    for column in points.T:
        total = (total + column.astype(np.uint64) + np.uint64(1)) * HASH_BASE
        total ^= total >> np.uint64(31)
    return total * HASH_BASE
