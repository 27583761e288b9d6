"""The heuristics that FineWeb added (Penedo et al., 2024, https://arxiv.org/abs/2406.17557, section 3.6)."""

from __future__ import annotations

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals.c4 import ends_in_punctuation
from textmill.corpus.signals.family import RATIO, Family, Signal
from textmill.corpus.signals.gopher_repetition import duplicates
from textmill.corpus.signals.layout import Layout, ratio

_SHORT = 30


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """The signals of `FINEWEB`."""
    lines = layout.lines
    total = layout.count(lines)
    repeated = lines.take(duplicates(layout, lines))
    return {
        "fineweb_punctuated_lines": ratio(
            layout.count(lines, ends_in_punctuation(layout, ellipsis=True)), total
        ),
        "fineweb_short_lines": ratio(layout.count(lines, lines.length <= _SHORT), total),
        "fineweb_dup_line_characters": ratio(
            layout.count(repeated, repeated.length), layout.characters - layout.newlines
        ),
        "fineweb_newlines_per_word": ratio(layout.newlines, layout.count(layout.words)),
    }


FINEWEB = Family(
    "fineweb",
    "Penedo et al., 2024, https://arxiv.org/abs/2406.17557, section 3.6",
    (
        Signal("fineweb_punctuated_lines", RATIO, "share of lines that end in . ! ? or a quotation mark"),
        Signal("fineweb_short_lines", RATIO, f"share of lines of at most {_SHORT} characters"),
        Signal("fineweb_dup_line_characters", RATIO, "share of characters in lines seen before"),
        Signal("fineweb_newlines_per_word", RATIO, "newlines per word"),
    ),
    compute,
)
