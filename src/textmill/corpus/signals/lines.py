"""Lines and paragraphs that repeat, counted as datatrove counts them."""

from __future__ import annotations

import numpy as np

from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.spans import Spans, bounds_within, ratio


def repeated_lines(layout: Layout) -> dict[str, np.ndarray]:
    """The shares of lines, and of characters in lines, that repeat an earlier line.

    Lines are what runs of newlines separate; a text that begins or ends with a newline has an empty line
    there.
    """
    raw, repeated = layout.all_lines.raw, layout.duplicate_lines
    filled = raw.end > raw.start
    opens, closes = ~filled[raw.offsets[:-1]], ~filled[raw.offsets[1:] - 1]
    some = layout.characters > 0
    edges = (opens.astype(np.int64) + closes) * some
    count = raw.count(repeated) + (opens & closes & some)
    return {
        "repetition_dup_line_fraction": ratio(count, raw.count(filled) + edges),
        "repetition_dup_line_characters": ratio(raw.total(raw.length * repeated), layout.characters),
    }


def repeated_paragraphs(layout: Layout) -> dict[str, np.ndarray]:
    """The shares of paragraphs, and of characters in paragraphs, that repeat an earlier paragraph."""
    pieces = _paragraphs(layout)
    repeated = layout.duplicates(pieces)
    return {
        "repetition_dup_paragraph_fraction": ratio(pieces.count(repeated), pieces.count()),
        "repetition_dup_paragraph_characters": ratio(
            pieces.total(pieces.length * repeated), layout.characters
        ),
    }


def _paragraphs(layout: Layout) -> Spans:
    """What two or more newlines separate in the document without the white space around it."""
    found = layout.all_lines
    raw = found.raw
    number = np.arange(len(raw.start))
    # Lines of white space alone are part of a paragraph, except at either end of the document.
    filled = np.flatnonzero(found.filled)
    offsets = bounds_within(found.filled, raw.offsets)
    some = np.diff(offsets) > 0
    first = filled[offsets[:-1][some]]
    last = filled[offsets[1:][some] - 1]
    inside = raw.end > raw.start
    low, high = np.full(len(some), len(number)), np.full(len(some), -1)
    low[some], high[some] = first, last
    inside &= (number >= np.repeat(low, raw.count())) & (number <= np.repeat(high, raw.count()))
    lines = number[inside]
    parts = raw.take(inside)
    begins = np.ones(len(lines), bool)
    begins[1:] = lines[1:] != lines[:-1] + 1
    begins[parts.offsets[:-1][some]] = True
    ends = np.ones(len(lines), bool)
    ends[:-1] = begins[1:]
    start, end = parts.start.copy(), parts.end.copy()
    start[parts.offsets[:-1][some]] = found.start[first]
    end[parts.offsets[1:][some] - 1] = found.end[last]
    return Spans(start[begins], end[ends], bounds_within(begins, parts.offsets))
