"""The repetition measures of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, table A1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals.family import RATIO, Family, Signal
from textmill.corpus.signals.hashing import groups, mix, seen_before
from textmill.corpus.signals.layout import Layout, Spans, ratio

TOP = (2, 3, 4)
DUPLICATE = (5, 6, 7, 8, 9, 10)
_STEP = 0xD6E8FEB86659FD93


class Repeats(NamedTuple):
    """The n-grams of words that occur at least twice in their document.

    Attributes:
        n: how many words they have.
        first_word: the index in `Layout.words` of the first word of each occurrence (int64, ascending).
        group: which n-gram it is, numbered by first occurrence in the batch (int32).
    """

    n: int
    first_word: np.ndarray
    group: np.ndarray


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """The signals of `GOPHER_REPETITION`."""
    values = {}
    for name, pieces in (("line", layout.lines), ("paragraph", layout.paragraphs)):
        repeated = pieces.take(duplicates(layout, pieces))
        values[f"repetition_dup_{name}_fraction"] = ratio(layout.count(repeated), layout.count(pieces))
        values[f"repetition_dup_{name}_characters"] = ratio(
            layout.count(repeated, repeated.length), layout.characters
        )
    for repeats in repeated_ngrams(layout, max(DUPLICATE)):
        if repeats.n in TOP:
            values[f"repetition_top_{repeats.n}gram"] = _top(layout, repeats)
        if repeats.n in DUPLICATE:
            values[f"repetition_dup_{repeats.n}gram"] = _covered(layout, repeats)
    return values


def duplicates(layout: Layout, pieces: Spans) -> np.ndarray:
    """Which pieces have the text of an earlier piece of the same document (bool)."""
    return seen_before(groups(layout.hash(pieces.start, pieces.end) ^ mix(pieces.document)))


def repeated_ngrams(layout: Layout, longest: int) -> Iterator[Repeats]:
    """Yield the repeated n-grams for n from 2 to `longest`.

    An n-gram can only repeat where its first n - 1 words do, so that few candidates are left beyond n = 2.
    """
    words = layout.words
    hashes = layout.hash(words.start, words.end)
    salt = mix(np.arange(layout.size))
    first, keys = np.arange(len(hashes)), hashes.copy()
    step = 1
    for n in range(2, longest + 1):
        step = step * _STEP % (1 << 64)
        last = first + n - 1
        inside = np.flatnonzero(last < len(hashes))
        inside = inside[words.document[first[inside]] == words.document[last[inside]]]
        first = first[inside]
        keys = keys[inside] + hashes[last[inside]] * np.uint64(step)
        group = groups(keys ^ salt[words.document[first]])
        repeated = np.bincount(group)[group] > 1
        first, keys, group = first[repeated], keys[repeated], group[repeated]
        yield Repeats(n, first, group)


def _top(layout: Layout, repeats: Repeats) -> np.ndarray:
    """The share of characters in the most frequent n-gram, the earliest of equally frequent ones."""
    result = np.zeros(layout.size)
    if not len(repeats.group):
        return result
    words = layout.words
    _, leaders, counts = np.unique(repeats.group, return_index=True, return_counts=True)
    leading = repeats.first_word[leaders]
    document = words.document[leading]
    # Groups are numbered as they appear, so those of a document are adjacent and the first maximum wins.
    starts = np.flatnonzero(np.diff(document, prepend=-1))
    rank = counts * (len(counts) + 1) - np.arange(len(counts))
    best = np.flatnonzero(rank == np.repeat(np.maximum.reduceat(rank, starts), np.diff([*starts, len(rank)])))
    length = words.end[leading[best] + repeats.n - 1] - words.start[leading[best]]
    result[document[best]] = counts[best] * length
    return np.minimum(ratio(result, layout.characters), 1.0)


def _covered(layout: Layout, repeats: Repeats) -> np.ndarray:
    """The share of characters in words of an n-gram that has occurred before, each word counted once."""
    words = layout.words
    again = repeats.first_word[seen_before(repeats.group)]
    change = np.zeros(len(words.start) + 1, np.int64)
    change[again] += 1
    change[again + repeats.n] -= 1
    covered = words.take(np.cumsum(change[:-1]) > 0)
    return ratio(layout.count(covered, covered.length), layout.characters)


GOPHER_REPETITION = Family(
    "gopher_repetition",
    "Rae et al., 2021, https://arxiv.org/abs/2112.11446, table A1",
    (
        Signal("repetition_dup_line_fraction", RATIO, "share of lines that repeat an earlier one"),
        Signal("repetition_dup_line_characters", RATIO, "share of characters in such lines"),
        Signal("repetition_dup_paragraph_fraction", RATIO, "share of paragraphs that repeat an earlier one"),
        Signal("repetition_dup_paragraph_characters", RATIO, "share of characters in such paragraphs"),
        *(
            Signal(
                f"repetition_top_{n}gram",
                RATIO,
                f"share of characters in the most frequent {n}-gram of words; 0 where none occurs twice",
            )
            for n in TOP
        ),
        *(
            Signal(
                f"repetition_dup_{n}gram",
                RATIO,
                f"share of characters in words of a {n}-gram that has occurred before; overlaps count once",
            )
            for n in DUPLICATE
        ),
    ),
    compute,
)
