"""Terms of scripts that write spaces: whole words and phrases, upper and lower case alike."""

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

LONGEST_WORD = 64
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_IN_WORD = np.array([byte in _LETTERS or byte >= 0x80 for byte in range(256)])
_LOWER = np.array([byte + 32 if 65 <= byte <= 90 else byte for byte in range(256)], dtype=np.uint8)
_POWERS = np.cumprod(np.full(LONGEST_WORD, HASH_BASE, dtype=np.uint64), dtype=np.uint64)
_SENTENCE_END = np.isin(np.arange(256), np.frombuffer(b".!?", dtype=np.uint8))
# The lead bytes of punctuation outside ASCII: U+2000 to U+206F, U+3000 to U+303F, U+FF00 to U+FF3F.
_PUNCTUATION = ((0xE2, 0x80), (0xE2, 0x81), (0xE3, 0x80), (0xEF, 0xBC))


class WordFinder:
    """Finds words and phrases: a word is a run of letters, digits and underscores of any script.

    Words of a phrase are one character apart, be it a space, a line break, a hyphen or an apostrophe
    (straight or curly: the term ``ain t`` matches both ``ain't`` and ``ain’t``). Of overlapping phrases the
    longest from the left counts. A sentence ends at ``. ! ?`` before white space and at a line break.
    """

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        sizes = np.array([len(term.split(" ")) for term in lexicon.terms])
        self.tables: list[tuple[int, TermTable]] = []
        for size in sorted(set(sizes.tolist())):
            ids = np.flatnonzero(sizes == size)
            hashes = [_phrase_hashes(_hash_words(lexicon.terms[number]), size)[0] for number in ids]
            self.tables.append((size, TermTable(np.array(hashes, dtype=np.uint64), ids)))

    def find(self, texts: pa.LargeStringArray) -> Mentions:
        """All mentions in a block of documents."""
        data, offsets = text_bytes(texts)
        start, end = _word_spans(data, offsets)
        sentence_start = _sentence_starts(data, offsets)
        word_sentence = np.searchsorted(sentence_start, start, side="right") - 1
        hashes = _hash_spans(data, start, end)
        document = np.searchsorted(offsets, start, side="right") - 1
        joined = _joined(data, start, end, document)
        found = [self._of_size(size, table, hashes, joined) for size, table in self.tables]
        first, last, term = (np.concatenate(parts) for parts in zip(*found, strict=True))
        chosen = longest_first(first, last)
        return Mentions(
            documents=len(texts),
            term=term[chosen],
            sentence=word_sentence[first[chosen]],
            units=np.bincount(word_sentence, minlength=len(sentence_start)),
            document=np.searchsorted(offsets, sentence_start, side="right") - 1,
        )

    @staticmethod
    def _of_size(
        size: int, table: TermTable, hashes: np.ndarray, joined: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, term = table.find(_phrase_hashes(hashes, size))
        together = np.ones(len(first), dtype=bool)
        for step in range(1, size):
            together &= joined[first + step - 1]
        return first[together], first[together] + size, term[together]


def _joined(data: np.ndarray, start: np.ndarray, end: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Which words are followed, one character on, by the next word of the same document: bool[words - 1]."""
    gap = start[1:] - end[:-1]
    one = gap == 1
    wide = np.flatnonzero(gap == 3)
    place = end[wide]
    quote = (data[place] == 0xE2) & (data[place + 1] == 0x80) & (data[place + 2] == 0x99)
    one[wide[quote]] = True
    return one & (document[1:] == document[:-1])


def _word_spans(data: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Byte spans of the words, none across a document's end."""
    inside = _IN_WORD[data]
    for lead, second in _PUNCTUATION:
        place = np.flatnonzero((data[:-2] == lead) & (data[1:-1] == second))
        for step in range(3):
            inside[place + step] = False
    edge = np.zeros(len(data) + 1, dtype=bool)
    edge[1:-1] = inside[1:] != inside[:-1]
    edge[0], edge[-1] = True, True
    edge[offsets] = True
    bounds = np.flatnonzero(edge)
    word = inside[bounds[:-1]] if len(data) else np.zeros(0, dtype=bool)
    return bounds[:-1][word], bounds[1:][word]


def _hash_spans(data: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A 64-bit polynomial hash of each lower-cased span (its first 64 bytes): uint64[len(start)]."""
    if not len(start):
        return np.zeros(0, dtype=np.uint64)
    length = np.minimum(end - start, LONGEST_WORD)
    begins = np.cumsum(length) - length
    within = np.arange(int(length.sum())) - np.repeat(begins, length)
    values = (_LOWER[data[np.repeat(start, length) + within]].astype(np.uint64) + np.uint64(1)) * _POWERS[
        within
    ]
    return _mix(np.add.reduceat(values, begins))


def _mix(hashes: np.ndarray) -> np.ndarray:
    return (hashes ^ (hashes >> np.uint64(29))) * HASH_BASE


def _phrase_hashes(words: np.ndarray, size: int) -> np.ndarray:
    """Hashes of the runs of `size` words: uint64[len(words) - size + 1]."""
    count = max(len(words) - size + 1, 0)
    total = words[:count].copy()
    for step in range(1, size):
        # Mixing what came before keeps the order: `black woman` is not `woman black`.
        total = _mix(total) + words[step : step + count]
    return total


def _hash_words(term: str) -> np.ndarray:
    data = np.frombuffer(term.encode(), dtype=np.uint8)
    return _hash_spans(data, *_word_spans(data, np.array([0, len(data)])))


def _sentence_starts(data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Bytes at which sentences begin; every document that holds anything begins one."""
    is_start = np.zeros(len(data) + 1, dtype=bool)
    is_start[offsets] = True
    is_start[1:] |= data == 0x0A
    is_start[1:-1] |= _SENTENCE_END[data[:-1]] & (data[1:] <= 0x20)
    is_start[-1] = False
    return np.flatnonzero(is_start)
