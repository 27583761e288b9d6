"""The heuristics of C4 (Raffel et al., JMLR 2020, https://arxiv.org/abs/1910.10683, section 2.2) as measures.

C4 removes lines as well as pages; here each rule is the share of lines it would remove. Its list of bad words
is left out: it removes text by and about minorities more than other text (Dodge et al., 2021).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.annotate import Annotate
from textmill.corpus.signals import characters
from textmill.corpus.signals.family import COUNT, RATIO, Family, Signal
from textmill.corpus.signals.layout import Layout, ratio, running_count

_FEWEST_WORDS = 5
_POLICY = "|".join(
    [
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses? cookies",
        "use of cookies",
        "隐私政策",
        "使用条款",
    ]
)


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """The signals of `C4`."""
    lines, words = layout.lines, layout.words
    total = layout.count(lines)
    first = np.zeros(len(layout.codes), bool)
    first[words.start] = True
    starts = running_count(first)
    few = starts[lines.end] - starts[lines.start] < _FEWEST_WORDS
    longest = np.zeros(layout.size)
    np.maximum.at(longest, words.document, words.length)
    return {
        "c4_terminal_lines": ratio(layout.count(lines, ends_in_punctuation(layout, ellipsis=False)), total),
        "c4_short_lines": ratio(layout.count(lines, few), total),
        "c4_sentences": layout.count_at(np.flatnonzero(_sentence_ends(layout))),
        "c4_longest_word": longest,
        "c4_curly_brackets": layout.count_at(np.flatnonzero(layout.codes == ord("{"))),
        "c4_javascript_lines": ratio(_lines_with(layout.texts, "javascript"), total),
        "c4_policy_lines": ratio(_lines_with(layout.texts, _POLICY), total),
        "c4_lorem_ipsum": _lines_with(layout.texts, "lorem ipsum"),
    }


def ends_in_punctuation(layout: Layout, ellipsis: bool) -> np.ndarray:
    """Which lines end in terminal punctuation or a quotation mark; `ellipsis`: whether one counts."""
    ends, codes = layout.lines.end, layout.codes
    result = layout.has(characters.TERMINAL | characters.QUOTE)[ends - 1]
    if not ellipsis:
        dot = codes == ord(".")
        three = (layout.lines.length >= 3) & dot[ends - 1] & dot[ends - 2] & dot[ends - 3]
        result &= ~three & (codes[ends - 1] != ord("…"))
    return result


def _sentence_ends(layout: Layout) -> np.ndarray:
    """True at the last of a run of terminal punctuation that closes a sentence.

    Outside Chinese and Japanese, white space or a closing quotation mark or bracket must follow.
    """
    terminal, wide = layout.has(characters.TERMINAL), layout.has(characters.WIDE)
    closing = layout.has(characters.SPACE | characters.QUOTE) | np.isin(layout.codes, [ord(")"), ord("]")])
    ends = terminal.copy()
    ends[:-1] &= ~terminal[1:] & (wide[:-1] | closing[1:])
    return ends


def _lines_with(texts: pa.Array, pattern: str) -> np.ndarray:
    """How many lines of each text match `pattern` (RE2, in any case)."""
    counts = np.zeros(len(texts), np.int64)
    hit = pc.match_substring_regex(texts, pattern, ignore_case=True)
    documents = np.flatnonzero(hit.to_numpy(zero_copy_only=False))
    if len(documents):
        lines = pc.split_pattern(texts.take(pa.array(documents)), "\n")
        matches = pc.match_substring_regex(lines.flatten(), pattern, ignore_case=True)
        parents = pc.list_parent_indices(lines).to_numpy()
        counts[documents] = np.bincount(
            parents, matches.to_numpy(zero_copy_only=False), minlength=len(documents)
        )
    return counts


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
    ),
    compute,
)
