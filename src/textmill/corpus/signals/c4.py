"""The heuristics of C4 (Raffel et al., 2020, https://arxiv.org/abs/1910.10683, section 2.2) as measures.

C4 removes lines, and then pages by what is left. Each rule for lines is here the share of lines that it would
remove, and the rules for pages are measured twice: on the whole document, and on the lines that would be
left. Its list of bad words is left out: it removes text by and about minorities more than other text (Dodge
et al., 2021).
"""

from __future__ import annotations

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals import characters
from textmill.corpus.signals.c4_lines import C4Lines, c4_lines
from textmill.corpus.signals.family import COUNT, RATIO, Family, Signal
from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.marks import CLOSERS, WIDE_TERMINALS
from textmill.corpus.signals.spans import ratio

_FEWEST_WORDS = 5
_WIDE = np.array([ord(mark) for mark in WIDE_TERMINALS], np.uint32)
_CLOSERS = np.array([ord(mark) for mark in CLOSERS], np.uint32)


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """The signals of `C4`."""
    lines, words = layout.lines, layout.words
    total = lines.count()
    found = c4_lines(layout, options.line_rules.min_words, options.line_rules.max_word_length)
    ends = sentence_ends(layout)
    return {
        "c4_terminal_lines": ratio(lines.count(found.punctuated), total),
        "c4_short_lines": ratio(lines.count(layout.line_words < _FEWEST_WORDS), total),
        "c4_sentences": layout.count_at(ends),
        "c4_longest_word": words.largest(words.length),
        "c4_curly_brackets": layout.count_at(layout.at("{")),
        "c4_javascript_lines": ratio(lines.count(found.matches["javascript"]), total),
        "c4_policy_lines": ratio(lines.count(found.matches["policy"]), total),
        "c4_lorem_ipsum": lines.count(found.matches["lorem_ipsum"]),
        **_left(layout, found, ends),
    }


def _left(layout: Layout, found: C4Lines, ends: np.ndarray) -> dict[str, np.ndarray]:
    """What C4 would ask of the lines that it leaves."""
    lines = layout.lines
    sentences = _sentences(layout, ends)
    return {
        "c4_kept_lines": ratio(lines.count(found.kept), lines.count()),
        "c4_kept_sentences": lines.total(sentences * found.kept),
        "c4_kept_curly_brackets": lines.count(found.curly),
        "c4_kept_lorem_ipsum": lines.count(found.lorem_ipsum),
    }


def sentence_ends(layout: Layout) -> np.ndarray:
    """Where sentences end (ascending int64): the last of a run of terminal punctuation that closes one.

    Outside Chinese and Japanese, white space or a closing quotation mark or bracket must follow.
    """
    places = np.flatnonzero(layout.flags & characters.TERMINAL)
    if not len(places):
        return places
    places = places[layout.flags[places + 1] & characters.TERMINAL == 0]
    following = layout.codes[places + 1]
    closed = (layout.flags[places + 1] & characters.SPACE != 0) | np.isin(following, _CLOSERS)
    if not layout.ascii:
        closed |= np.isin(layout.codes[places], _WIDE)
    return places[closed]


def _sentences(layout: Layout, ends: np.ndarray) -> np.ndarray:
    """Sentences of each line (int64): one, and one more for each end of one that a word follows."""
    lines, words = layout.lines, layout.words
    proper = words.start[layout.word_flags & characters.PROPER != 0]
    last = np.searchsorted(proper, lines.end) - 1
    start = np.where(last >= 0, np.append(proper, 0)[last], 0)
    return 1 + np.maximum(np.searchsorted(ends, start) - np.searchsorted(ends, lines.start), 0)


C4 = Family(
    "c4",
    "Raffel et al., 2020, https://arxiv.org/abs/1910.10683, section 2.2",
    (
        Signal(
            "c4_terminal_lines", RATIO, "share of lines that end in . ! ? or a quotation mark, no ellipsis"
        ),
        Signal("c4_short_lines", RATIO, f"share of lines with fewer than {_FEWEST_WORDS} words"),
        Signal("c4_sentences", COUNT, "ends of sentences"),
        Signal("c4_longest_word", COUNT, "characters of the longest word"),
        Signal("c4_curly_brackets", COUNT, "opening curly brackets"),
        Signal("c4_javascript_lines", RATIO, "share of lines that mention JavaScript"),
        Signal("c4_policy_lines", RATIO, "share of lines with boilerplate of cookie and privacy notices"),
        Signal("c4_lorem_ipsum", COUNT, "lines with the filler text lorem ipsum"),
        Signal("c4_kept_lines", RATIO, "share of lines that no rule for lines removes"),
        Signal("c4_kept_sentences", COUNT, "sentences in those lines"),
        Signal("c4_kept_curly_brackets", COUNT, "lines with { that no rule removes before it is seen"),
        Signal("c4_kept_lorem_ipsum", COUNT, "lines with lorem ipsum that no rule removes before it is seen"),
    ),
    compute,
)
