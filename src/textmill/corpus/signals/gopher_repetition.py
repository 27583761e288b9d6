"""The repetition measures of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, table A1).

N-grams are counted as `annotate.repeated_ngrams` says: as datatrove's GopherRepetitionFilter counts them, or
as the paper reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals.family import RATIO, Family, Signal
from textmill.corpus.signals.hashing import groups, mix, perhaps_repeated, seen_before
from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.lines import repeated_lines, repeated_paragraphs
from textmill.corpus.signals.spans import ratio

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
    values = repeated_paragraphs(layout) | repeated_lines(layout)
    as_datatrove = options.repeated_ngrams == "datatrove"
    letters = np.concatenate([[0], np.cumsum(layout.words.length)])
    for repeats in repeated_ngrams(layout, max(DUPLICATE)):
        if repeats.n in TOP:
            values[f"repetition_top_{repeats.n}gram"] = _top(layout, repeats, letters, as_datatrove)
        if repeats.n in DUPLICATE:
            characters = (_apart if as_datatrove else _covered)(layout, repeats, letters)
            values[f"repetition_dup_{repeats.n}gram"] = ratio(characters, layout.characters)
    return values


def repeated_ngrams(layout: Layout, longest: int) -> Iterator[Repeats]:
    """Yield the repeated n-grams for n from 2 to `longest`.

    An n-gram can only repeat where its first n - 1 words do, so that few candidates are left beyond n = 2.
    """
    words = layout.words
    hashes = layout.word_hashes
    counts = words.count()
    keys = hashes[:-1] + hashes[1:] * np.uint64(_STEP)
    keys ^= np.repeat(mix(np.arange(layout.size)), counts)[:-1]
    within = np.ones(len(hashes), bool)
    within[words.offsets[1:][counts > 0] - 1] = False
    first = np.flatnonzero(within)
    first = first[perhaps_repeated(keys[first])]
    keys, last_word = keys[first], words.offsets[1:][words.document[first]] - 1
    step = _STEP
    for n in range(2, longest + 1):
        if n > 2:
            step = step * _STEP % (1 << 64)
            inside = first + (n - 1) <= last_word
            first, last_word = first[inside], last_word[inside]
            keys = keys[inside] + hashes[first + (n - 1)] * np.uint64(step)
        group = groups(keys)
        again = _twice(group)
        first, last_word, keys, group = first[again], last_word[again], keys[again], group[again]
        yield Repeats(n, first, group)


def _twice(group: np.ndarray) -> np.ndarray:
    return np.bincount(group)[group] > 1 if len(group) else np.zeros(0, bool)


def _top(layout: Layout, repeats: Repeats, letters: np.ndarray, as_datatrove: bool) -> np.ndarray:
    """The share of characters in the most frequent n-gram, the earliest of equally frequent ones."""
    words, n = layout.words, repeats.n
    result = np.zeros(layout.size)
    if as_datatrove:
        # Where none occurs twice, each occurs most often; the first one is taken.
        some = np.flatnonzero(words.count() >= n)
        result[some] = _joined(letters, words.offsets[some], n)
    if len(repeats.group):
        _, leaders, counts = np.unique(repeats.group, return_index=True, return_counts=True)
        leading = repeats.first_word[leaders]
        document = words.document[leading]
        # Groups are numbered as they appear, so those of a document are adjacent and the first maximum wins.
        starts = np.flatnonzero(np.diff(document, prepend=-1))
        rank = counts * (len(counts) + 1) - np.arange(len(counts))
        highest = np.repeat(np.maximum.reduceat(rank, starts), np.diff([*starts, len(rank)]))
        best = np.flatnonzero(rank == highest)
        first = leading[best]
        length = _joined(letters, first, n) if as_datatrove else words.end[first + n - 1] - words.start[first]
        result[document[best]] = counts[best] * length
    return np.minimum(ratio(result, layout.characters), 1.0)


def _joined(letters: np.ndarray, first: np.ndarray, n: int) -> np.ndarray:
    """The length of each n-gram with one space between its words."""
    return letters[first + n] - letters[first] + n - 1


def _covered(layout: Layout, repeats: Repeats, letters: np.ndarray) -> np.ndarray:
    """Characters in words of an n-gram that has occurred before, each word counted once (int64)."""
    words = layout.words
    again = repeats.first_word[seen_before(repeats.group)]
    change = np.zeros(len(words.start) + 1, np.int64)
    change[again] += 1
    change[again + repeats.n] -= 1
    return words.total(words.length * (np.cumsum(change[:-1]) > 0))


def _apart(layout: Layout, repeats: Repeats, letters: np.ndarray) -> np.ndarray:
    """Characters in n-grams that have occurred before, if one reads on behind each that is found (int64).

    What is skipped has not been seen, so each step depends on the one before; few n-grams repeat at all.
    """
    found, seen, free = [], set(), 0
    for place, group in zip(repeats.first_word.tolist(), repeats.group.tolist(), strict=True):
        if place < free:
            continue
        if group in seen:
            found.append(place)
            free = place + repeats.n
        else:
            seen.add(group)
    first = np.array(found, np.int64)
    result = np.zeros(layout.size, np.int64)
    np.add.at(result, layout.words.document[first], letters[first + repeats.n] - letters[first])
    return result


GOPHER_REPETITION = Family(
    "gopher_repetition",
    "Rae et al., 2021, https://arxiv.org/abs/2112.11446, table A1",
    (
        Signal("repetition_dup_paragraph_fraction", RATIO, "share of paragraphs that repeat an earlier one"),
        Signal("repetition_dup_paragraph_characters", RATIO, "share of characters in such paragraphs"),
        Signal("repetition_dup_line_fraction", RATIO, "share of lines that repeat an earlier one"),
        Signal("repetition_dup_line_characters", RATIO, "share of characters in such lines"),
        *(
            Signal(
                f"repetition_top_{n}gram",
                RATIO,
                f"share of characters in the most frequent {n}-gram of words",
            )
            for n in TOP
        ),
        *(
            Signal(f"repetition_dup_{n}gram", RATIO, f"share of characters in {n}-grams that occurred before")
            for n in DUPLICATE
        ),
    ),
    compute,
)
