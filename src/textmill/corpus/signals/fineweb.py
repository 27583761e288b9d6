"""The heuristics that FineWeb added (Penedo et al., 2024, https://arxiv.org/abs/2406.17557, section 3.6).

Counted as datatrove's FineWebQualityFilter counts.
"""

from __future__ import annotations

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals.family import RATIO, Family, Signal
from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.marks import STOPS
from textmill.corpus.signals.spans import Spans, ratio

_SHORT = 30
_SHORT_SPACELESS = 10  # as many words as 30 characters of English
_STOPS = np.array(sorted(map(ord, STOPS)), np.uint32)
_ASCII_STOPS = _STOPS[_STOPS < 128].astype(np.uint8)
_CLOSERS = np.array([ord(mark) for mark in "”’」』"], np.uint32)


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """The signals of `FINEWEB`."""
    filled = layout.all_lines.filled
    lines = layout.all_lines.raw.take(filled)
    repeated = layout.duplicate_lines[filled]
    return {
        "fineweb_punctuated_lines": ratio(lines.count(_punctuated(layout, lines)), lines.count()),
        "fineweb_short_lines": ratio(lines.count(_short(layout, lines)), lines.count()),
        "fineweb_dup_line_characters": ratio(
            lines.total(lines.length * repeated), layout.characters - layout.newlines
        ),
        "fineweb_newlines_per_word": ratio(layout.newlines, layout.words.count()),
    }


def _short(layout: Layout, lines: Spans) -> np.ndarray:
    most = np.where(layout.spaceless, _SHORT_SPACELESS, _SHORT)
    return lines.length <= np.repeat(most, lines.count())


def _punctuated(layout: Layout, lines: Spans) -> np.ndarray:
    """Which lines end a sentence (bool); in Chinese and Japanese a closing quotation mark may follow."""
    last = layout.codes[lines.end - 1]
    if layout.ascii:
        return np.isin(last, _ASCII_STOPS)
    result = np.isin(last, _STOPS)
    quoted = np.flatnonzero(np.isin(last, _CLOSERS) & (lines.length > 1))
    if len(quoted):
        quoted = quoted[layout.spaceless[lines.document[quoted]]]
        result[quoted] = np.isin(layout.codes[lines.end[quoted] - 2], _STOPS)
    return result


FINEWEB = Family(
    "fineweb",
    "Penedo et al., 2024, https://arxiv.org/abs/2406.17557, section 3.6",
    (
        Signal(
            "fineweb_punctuated_lines",
            RATIO,
            "share of lines that end in a mark that ends sentences; in Chinese and Japanese also in one "
            "and a closing quotation mark",
        ),
        Signal(
            "fineweb_short_lines",
            RATIO,
            f"share of lines of at most {_SHORT} characters, in Chinese and Japanese {_SHORT_SPACELESS}",
        ),
        Signal("fineweb_dup_line_characters", RATIO, "share of characters in lines seen before"),
        Signal("fineweb_newlines_per_word", RATIO, "newlines per word"),
    ),
    compute,
)
