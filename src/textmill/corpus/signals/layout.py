"""Where the lines, paragraphs and words of a batch of documents are: found once, used by every signal."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.signals import characters
from textmill.corpus.signals.hashing import RangeHash

_NEWLINE = 10


class Spans(NamedTuple):
    """Pieces of the text of a batch, in order: first character, end (exclusive) and document, all int64."""

    start: np.ndarray
    end: np.ndarray
    document: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Characters of each piece."""
        return self.end - self.start

    def take(self, chosen: np.ndarray) -> Spans:
        """The pieces at the given indices, or where the given mask is true."""
        return Spans(self.start[chosen], self.end[chosen], self.document[chosen])


class Layout:
    """The characters of a batch in one array, and the pieces they form.

    A *line* is what stands between newlines, without the white space around it; blank lines are none. A
    *paragraph* is a run of lines without a blank line between them. A *word* is a run of characters without
    white space or non-ASCII punctuation, except that each Han, Hiragana or Katakana character is a word by
    itself.
    """

    def __init__(self, texts: pa.Array, languages: pa.Array):
        """Lay out `texts` (large_string; null counts as empty) that are written in `languages` (string)."""
        self.texts = texts.fill_null("")
        self.languages = np.array(languages.fill_null("").to_pylist(), dtype=object)
        joined = "\n".join([*self.texts.to_pylist(), ""])
        self.codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
        self.flags = characters.flags_of(self.codes)
        lengths = pc.utf8_length(self.texts).to_numpy(zero_copy_only=False).astype(np.int64)
        self.characters = lengths
        # Each document is followed by one newline; it ends the last line and belongs to no document.
        self._bounds = np.concatenate([[0], np.cumsum(lengths + 1)])

    @property
    def size(self) -> int:
        """The number of documents."""
        return len(self.characters)

    def has(self, flag: int) -> np.ndarray:
        """Which characters are of the class `flag` of `characters` (bool)."""
        return (self.flags & flag) != 0

    @cached_property
    def words(self) -> Spans:
        """All words."""
        inside = (self.flags & (characters.SPACE | characters.BREAK)) == 0
        alone = self.has(characters.IDEOGRAPH)
        starts, ends = inside.copy(), inside.copy()
        joint = inside[1:] & inside[:-1] & ~alone[1:] & ~alone[:-1]
        starts[1:] &= ~joint
        ends[:-1] &= ~joint
        start = np.flatnonzero(starts)
        return Spans(start, np.flatnonzero(ends) + 1, self._documents(start))

    @cached_property
    def _newlines(self) -> np.ndarray:
        return np.flatnonzero(self.codes == _NEWLINE)

    @cached_property
    def _raw_lines(self) -> tuple[np.ndarray, Spans]:
        """The number of each line among all lines, blank ones included, and the trimmed lines."""
        end = self._newlines
        start = np.concatenate([[0], end[:-1] + 1])
        first, last = self.trimmed(start, end, ~self.has(characters.SPACE))
        filled = np.flatnonzero(last > first)
        return filled, Spans(first[filled], last[filled], self._documents(start[filled]))

    @property
    def lines(self) -> Spans:
        """All lines that are not blank."""
        return self._raw_lines[1]

    @cached_property
    def paragraphs(self) -> Spans:
        """All paragraphs."""
        number, lines = self._raw_lines
        begins = np.ones(len(number), bool)
        begins[1:] = (number[1:] != number[:-1] + 1) | (lines.document[1:] != lines.document[:-1])
        ends = np.ones(len(number), bool)
        ends[:-1] = begins[1:]
        return Spans(lines.start[begins], lines.end[ends], lines.document[begins])

    @cached_property
    def newlines(self) -> np.ndarray:
        """Newlines in each document (int64)."""
        return self.count_at(self._newlines) - 1

    @cached_property
    def hash(self) -> RangeHash:
        """Hashes of pieces of the text."""
        return RangeHash(self.codes)

    def count(self, spans: Spans, weights: np.ndarray | None = None) -> np.ndarray:
        """How many of `spans` each document has, or the sum of their `weights` (float64)."""
        return np.bincount(spans.document, weights, minlength=self.size).astype(np.float64)

    def count_at(self, positions: np.ndarray) -> np.ndarray:
        """How many of `positions`, ascending indices of characters, are in each document (int64)."""
        return np.diff(np.searchsorted(positions, self._bounds))

    def trimmed(
        self, start: np.ndarray, end: np.ndarray, wanted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The ranges start:end without unwanted characters on either side; empty where none is `wanted`."""
        before = running_count(wanted)
        where = np.append(np.flatnonzero(wanted), 0)
        low, high = before[start], before[end]
        some = high > low
        return np.where(some, where[low], start), np.where(some, where[high - 1] + 1, start)

    def _documents(self, starts: np.ndarray) -> np.ndarray:
        return np.repeat(np.arange(self.size), self.count_at(starts))


def running_count(mask: np.ndarray) -> np.ndarray:
    """How many of the first i entries are true, for i from 0 to the length of `mask` (int32)."""
    counts = np.zeros(len(mask) + 1, np.int32)
    np.cumsum(mask, out=counts[1:])
    return counts


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part / whole` (float64), 0 where `whole` is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=np.asarray(whole) > 0)
