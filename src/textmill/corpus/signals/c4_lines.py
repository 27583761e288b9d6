"""C4's rules for lines (Raffel et al., 2020, section 2.2), in the order in which datatrove tries them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.signals import characters
from textmill.corpus.signals.layout import Layout

_POLICY = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
    "隐私政策",
    "使用条款",
)
PATTERNS = {"lorem_ipsum": "lorem ipsum", "javascript": "javascript", "policy": "|".join(_POLICY)}
"""What lines are searched for, in any case."""
_CITATION = re.compile(r"\[\d*]|\[edit]|\[citation needed]|\[编辑]|\[来源请求]")
_CITATION_RE2 = r"\[\p{Nd}*\]|\[edit\]|\[citation needed\]|\[编辑\]|\[来源请求\]"
RULES = ("long_word", "no_terminal_punctuation", "few_words", "lorem_ipsum", "javascript", "policy")
"""The rules in the order in which they are tried; lorem_ipsum removes the page too."""


@dataclass(frozen=True)
class C4Lines:
    """What the rules say of each of `Layout.lines`.

    Attributes:
        rule: the first rule that removes it, an index into `RULES`, or -1 (int8).
        punctuated: whether it ends in terminal punctuation or a quotation mark, no ellipsis (bool).
        matches: for each of `PATTERNS` whether it occurs (bool).
        curly: whether it has an opening curly bracket that C4 gets to see (bool); it removes the page.
        citations: start and end of all citations in the text, int64, shape (citations, 2).
    """

    rule: np.ndarray
    punctuated: np.ndarray
    matches: dict[str, np.ndarray]
    curly: np.ndarray
    citations: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """Which lines no rule removes (bool)."""
        return self.rule < 0

    @property
    def lorem_ipsum(self) -> np.ndarray:
        """Which lines no earlier rule removes and this one does (bool)."""
        return self.rule == RULES.index("lorem_ipsum")


def c4_lines(layout: Layout, min_words: int, max_word_length: int) -> C4Lines:
    """Try the rules on all lines.

    Args:
        layout: the batch.
        min_words: fewest words of a line that stays.
        max_word_length: most characters of each of its words.
    """
    lines = layout.lines
    citations = _citations(layout)
    ends = _without_citation(layout, citations)
    punctuated = _punctuated(layout, ends)
    matches = layout.lines_with(PATTERNS)
    rule = np.full(len(lines.start), -1, np.int8)
    failing = {
        "long_word": _with_long_word(layout, max_word_length),
        "no_terminal_punctuation": ~punctuated,
        "few_words": layout.line_words < min_words,
        **matches,
    }
    for number in reversed(range(len(RULES))):
        rule[failing[RULES[number]]] = number
    return C4Lines(rule, punctuated, matches, _curly(layout, rule), citations)


def _with_long_word(layout: Layout, longest: int) -> np.ndarray:
    result = np.zeros(len(layout.lines.start), bool)
    long = layout.words.start[layout.words.length > longest]
    result[np.searchsorted(layout.lines.start, long, side="right") - 1] = True
    return result


def _curly(layout: Layout, rule: np.ndarray) -> np.ndarray:
    """Lines with a curly bracket that are removed by no rule that is tried before it."""
    result = np.zeros(len(rule), bool)
    result[np.searchsorted(layout.lines.start, layout.at("{"), side="right") - 1] = True
    return result & ((rule < 0) | (rule == RULES.index("policy")))


def _citations(layout: Layout) -> np.ndarray:
    hit = pc.match_substring_regex(layout.texts, _CITATION_RE2).to_numpy(zero_copy_only=False)
    documents = np.flatnonzero(hit)
    texts = layout.texts.take(pa.array(documents)).to_pylist()
    # Few documents have any, and Arrow finds only the first match of a pattern.
    found = [
        (begin + match.start(), begin + match.end())
        for begin, text in zip(layout.bounds[documents].tolist(), texts, strict=True)
        for match in _CITATION.finditer(text)
    ]
    return np.array(found, np.int64).reshape(-1, 2)


def _without_citation(layout: Layout, citations: np.ndarray) -> np.ndarray:
    """Where each line ends without the citations at its end (int64); its start if there is nothing else."""
    ends = layout.lines.end.copy()
    if not len(citations):
        return ends
    begins = np.append(True, citations[1:, 0] != citations[:-1, 1])
    start, end = citations[begins, 0], citations[np.append(begins[1:], True), 1]
    place = np.minimum(np.searchsorted(end, ends), len(end) - 1)
    return np.where(end[place] == ends, start[place], ends)


def _punctuated(layout: Layout, ends: np.ndarray) -> np.ndarray:
    """Which lines end in terminal punctuation or a quotation mark and not in an ellipsis (bool)."""
    codes, length = layout.codes, ends - layout.lines.start
    result = (layout.flags[ends - 1] & (characters.TERMINAL | characters.QUOTE) != 0) & (length > 0)
    dots = np.flatnonzero(result & (codes[ends - 1] == ord(".")) & (length >= 3))
    result[dots] = (codes[ends[dots] - 2] != ord(".")) | (codes[ends[dots] - 3] != ord("."))
    return result if layout.ascii else result & (codes[ends - 1] != ord("…"))
