"""Lines and paragraphs that occur more than once in the corpus."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from textmill.corpus.repeats.groups import Occurrences, repeated_hashes, spans_of
from textmill.corpus.repeats.texts import Int64s, RunHashes, Texts, is_space, lower
from textmill.corpus.shards import read_batches
from textmill.corpus.shingles import slices

_NEWLINE = 10
RULES = {"line": "repeated.line", "paragraph": "repeated.paragraph"}


def repeated_lines(
    clean: str | os.PathLike[str],
    unit: str,
    min_characters: int,
    advance: Callable[[int], None] = lambda documents: None,
) -> pa.Table:
    """Every line (or paragraph) that stands more than once, in lower case and without white space.

    Memory: 16 bytes for each line of at least `min_characters`, and one slice of text.

    Args:
        clean: directory of document shards (columns `id`, `text`); read twice.
        unit: ``line``, or ``paragraph``: lines up to an empty one.
        min_characters: shorter ones (white space not counted) are left alone.
        advance: called with the number of documents read.

    Returns:
        A table of schema `SPAN`, by document and start; all lines of a group are equal. A span takes the line
        break with it, so that no empty line stays.
    """
    first = [(np.zeros(0, np.uint64), np.zeros(0, np.uint64))]
    for _, found in _passes(clean, unit, min_characters, advance):
        first.append((found.high, found.low))
    repeated = repeated_hashes(*(np.concatenate(part) for part in zip(*first, strict=True)))
    rows = []
    for ids, found in _passes(clean, unit, min_characters, advance):
        rows.append((ids, found.among(*repeated)))
    return spans_of(rows, RULES[unit])


def _passes(
    clean: str | os.PathLike[str], unit: str, least: int, advance: Callable[[int], None]
) -> Iterator[tuple[pa.Array, Occurrences]]:
    for batch in read_batches(clean, ["id", "text"]):
        for piece in slices(batch):
            yield piece.column("id"), units(Texts.of(piece.column("text")), unit, least)
        advance(batch.num_rows)


def units(texts: Texts, unit: str, least: int) -> Occurrences:
    """The lines or paragraphs of a batch that have at least `least` characters beside white space."""
    start, end, cut_start, cut_end = _bounds(texts, unit)
    filled = ~is_space(texts.codes)
    before = np.concatenate(([0], np.cumsum(filled)))
    long = before[end] - before[start] >= least
    start, end, cut_start, cut_end = (part[long] for part in (start, end, cut_start, cut_end))
    high, low = RunHashes(lower(texts.codes[filled])).of(before[start], before[end])
    document = texts.documents(start)
    return Occurrences(
        document, cut_start - texts.bounds[document], cut_end - texts.bounds[document], high, low
    )


def _bounds(texts: Texts, unit: str) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """Start and end of each unit, and of what to cut with it: the separator behind it, or else before it."""
    breaks = np.flatnonzero(texts.codes == _NEWLINE)
    if unit == "paragraph":
        # The first break of each run of two or more; all of the run separates.
        follows = np.zeros(len(breaks), bool)
        follows[1:] = breaks[1:] == breaks[:-1] + 1
        apart = texts.documents(breaks[1:]) != texts.documents(breaks[:-1])
        follows[1:] &= ~apart
        run = np.cumsum(~follows) - 1
        sizes = np.bincount(run) if len(run) else np.zeros(0, np.int64)
        opens = breaks[~follows][sizes > 1]
        closes = opens + sizes[sizes > 1]
    else:
        opens, closes = breaks, breaks + 1
    documents = np.arange(len(texts.bounds) - 1)
    starts = np.concatenate((texts.bounds[:-1], closes))
    ends = np.concatenate((opens, texts.bounds[1:]))
    owner = np.concatenate((documents, texts.documents(opens)))
    order = np.lexsort((starts, owner))
    start, owner = starts[order], owner[order]
    end = ends[np.lexsort((ends, np.concatenate((texts.documents(opens), documents))))]
    first, last = (np.ones(len(start), bool) for _ in range(2))
    first[1:] = owner[1:] != owner[:-1]
    last[:-1] = first[1:]
    cut_end = end.copy()
    cut_end[~last] = start[np.flatnonzero(~last) + 1]
    cut_start = start.copy()
    before = np.flatnonzero(last & ~first)
    cut_start[before] = end[before - 1]
    return start, end, cut_start, cut_end
