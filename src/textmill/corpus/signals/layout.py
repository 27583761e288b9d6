"""Where the lines, paragraphs and words of a batch of documents are: found once, used by every signal."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.signals import characters
from textmill.corpus.signals.hashing import RangeHash, groups, mix, seen_before
from textmill.corpus.signals.spans import Spans, bounds_within

_NEWLINE = 10
SPACELESS = frozenset({"ja", "zh"})
"""Languages that are written without spaces between words, in characters that are words by themselves."""


class Lines(NamedTuple):
    """All lines of a batch, blank ones included.

    Attributes:
        raw: what stands between newlines.
        start, end: the same without the white space around it, int64; equal where the line is blank.
        filled: which are not blank, bool.
    """

    raw: Spans
    start: np.ndarray
    end: np.ndarray
    filled: np.ndarray


class Layout:
    """The characters of a batch in one array, and the pieces they form.

    A *line* is what stands between newlines (documents of data/clean have no other line break). A *word* is a
    run of characters without white space or non-ASCII punctuation, except that each Han, Hiragana or Katakana
    character is a word by itself.
    """

    def __init__(self, texts: pa.Array, languages: pa.Array):
        """Lay out `texts` (large_string; null counts as empty) that are written in `languages` (string).

        Batches of ASCII alone take a faster way to the same result.
        """
        self.texts = texts.fill_null("")
        self.languages = np.array(languages.fill_null("").to_pylist(), dtype=object)
        joined = "\n".join([*self.texts.to_pylist(), ""])
        self.ascii = joined.isascii()
        if self.ascii:
            encoded = joined.encode("ascii")
            self.codes = np.frombuffer(encoded, np.uint8)
            self.flags = characters.flags_of(encoded)
        else:
            self.codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
            self.flags = characters.flags_of(self.codes)
        lengths = pc.utf8_length(self.texts).to_numpy(zero_copy_only=False).astype(np.int64)
        self.characters = lengths
        # Each document is followed by one newline; it ends the last line and belongs to no document.
        self.bounds = np.concatenate([[0], np.cumsum(lengths + 1)])

    @property
    def size(self) -> int:
        """The number of documents."""
        return len(self.characters)

    @cached_property
    def spaceless(self) -> np.ndarray:
        """Which documents are in a language of `SPACELESS` (bool)."""
        return np.array([language in SPACELESS for language in self.languages], bool)

    def has(self, flag: int) -> np.ndarray:
        """Which characters are of the class `flag` of `characters` (bool)."""
        return (self.flags & flag) != 0

    def at(self, code: str) -> np.ndarray:
        """Where the character `code` stands (ascending int64)."""
        return np.flatnonzero(self.codes == ord(code))

    @cached_property
    def tokens(self) -> Spans:
        """All runs of characters without white space, as `str.split` finds them."""
        space = np.ones(len(self.flags) + 1, bool)
        np.not_equal(self.flags & characters.SPACE, 0, out=space[1:])
        edges = np.flatnonzero(space[1:] != space[:-1])
        return self._spans(edges[::2], edges[1::2])

    @cached_property
    def words(self) -> Spans:
        """All words."""
        if self.ascii:
            return self.tokens
        inside = (self.flags & (characters.SPACE | characters.BREAK)) == 0
        alone = self.has(characters.IDEOGRAPH)
        joint = inside[1:] & inside[:-1] & ~(alone[1:] | alone[:-1])
        starts, ends = inside.copy(), inside
        starts[1:] &= ~joint
        ends[:-1] &= ~joint
        return self._spans(np.flatnonzero(starts), np.flatnonzero(ends) + 1)

    @cached_property
    def word_hashes(self) -> np.ndarray:
        """The hash of each word (uint64)."""
        return self.hash(self.words.start, self.words.end)

    @cached_property
    def word_flags(self) -> np.ndarray:
        """The classes of all characters from each word up to the next one (uint8); see `characters`."""
        if not len(self.words.start):
            return np.zeros(0, np.uint8)
        return np.bitwise_or.reduceat(self.flags, self.words.start)

    @cached_property
    def all_lines(self) -> Lines:
        """All lines."""
        end = np.flatnonzero(self.codes == _NEWLINE)
        start = np.zeros(len(end), np.int64)
        start[1:] = end[:-1] + 1
        tokens = self.tokens
        before = np.searchsorted(tokens.start, np.append(start, len(self.codes)))
        low, high = before[:-1], before[1:]
        filled = high > low
        first, last = start.copy(), start.copy()
        first[filled] = tokens.start[low[filled]]
        last[filled] = tokens.end[high[filled] - 1]
        return Lines(self._spans(start, end), first, last, filled)

    @cached_property
    def lines(self) -> Spans:
        """All lines that are not blank, without the white space around them."""
        found = self.all_lines
        offsets = bounds_within(found.filled, found.raw.offsets)
        return Spans(found.start[found.filled], found.end[found.filled], offsets)

    @cached_property
    def line_words(self) -> np.ndarray:
        """How many words begin in each of `lines` (int64)."""
        lines = self.lines
        return np.searchsorted(self.words.start, lines.end) - np.searchsorted(self.words.start, lines.start)

    @cached_property
    def newlines(self) -> np.ndarray:
        """Newlines in each document (int64)."""
        return self.all_lines.raw.count() - 1

    @cached_property
    def hash(self) -> RangeHash:
        """Hashes of pieces of the text."""
        return RangeHash(self.codes)

    def duplicates(self, pieces: Spans) -> np.ndarray:
        """Which pieces have the text of an earlier piece of the same document (bool)."""
        found = np.zeros(len(pieces.start), bool)
        # Most documents have one line; one piece repeats nothing.
        several = np.repeat(pieces.count() > 1, pieces.count())
        if several.any():
            some = pieces.take(several)
            found[several] = seen_before(groups(self.hash(some.start, some.end) ^ mix(some.document)))
        return found

    @cached_property
    def duplicate_lines(self) -> np.ndarray:
        """Which of all lines are not empty and have the text, white space too, of an earlier one (bool)."""
        raw = self.all_lines.raw
        found = raw.end > raw.start
        found[found] = self.duplicates(raw.take(found))
        return found

    def count_at(self, positions: np.ndarray) -> np.ndarray:
        """How many of `positions`, ascending indices of characters, are in each document (int64)."""
        return np.diff(np.searchsorted(positions, self.bounds))

    def lines_with(self, patterns: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Which of `lines` match each of `patterns` (RE2, in any case; none may match a newline), bool.

        One pass over the texts tells the few documents in which any pattern matches.
        """
        found = self.all_lines
        hits = {name: np.zeros(len(found.filled), bool) for name in patterns}
        anything = "|".join(f"(?:{pattern})" for pattern in patterns.values())
        matches = pc.match_substring_regex(self.texts, anything, ignore_case=True)
        documents = np.flatnonzero(matches.to_numpy(zero_copy_only=False))
        if len(documents):
            lines = pc.split_pattern(self.texts.take(pa.array(documents)), "\n").flatten()
            counts = found.raw.count()[documents]
            where = np.repeat(found.raw.offsets[documents] - np.cumsum(counts) + counts, counts)
            where += np.arange(len(where))
            for name, pattern in patterns.items():
                inside = pc.match_substring_regex(lines, pattern, ignore_case=True)
                hits[name][where] = inside.to_numpy(zero_copy_only=False)
        return {name: hit[found.filled] for name, hit in hits.items()}

    def matching(self, chosen: np.ndarray, patterns: Mapping[str, str]) -> dict[str, np.ndarray]:
        """Which of `lines` where the mask `chosen` is true match each of `patterns` (RE2, in any case), bool.

        A pattern sees a line alone, with the white space around it.
        """
        raw = np.zeros(len(self.all_lines.filled), bool)
        raw[self.all_lines.filled] = chosen
        texts = pc.split_pattern(self.texts, "\n").flatten().filter(pa.array(raw))
        hits = {}
        for name, pattern in patterns.items():
            hits[name] = np.zeros(len(chosen), bool)
            found = pc.match_substring_regex(texts, pattern, ignore_case=True)
            hits[name][chosen] = found.to_numpy(zero_copy_only=False)
        return hits

    def _spans(self, start: np.ndarray, end: np.ndarray) -> Spans:
        return Spans(start, end, np.searchsorted(start, self.bounds))
