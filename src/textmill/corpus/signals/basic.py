"""The sizes of a document, which other stages use to report and to weigh."""

from __future__ import annotations

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals.family import COUNT, Family, Signal
from textmill.corpus.signals.layout import Layout


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """Count characters, words and lines."""
    return {
        "characters": layout.characters,
        "words": layout.words.count(),
        "lines": layout.lines.count(),
    }


BASIC = Family(
    "basic",
    "",
    (
        Signal("characters", COUNT, "Unicode code points"),
        Signal("words", COUNT, "words; in Chinese and Japanese, characters that are not punctuation"),
        Signal("lines", COUNT, "lines that are not blank"),
    ),
    compute,
)
