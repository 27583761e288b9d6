"""The quality heuristics of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A1.1)."""

from __future__ import annotations

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals import characters
from textmill.corpus.signals.family import COUNT, RATIO, Family, Signal
from textmill.corpus.signals.hashing import RangeHash
from textmill.corpus.signals.layout import Layout, ratio, running_count

_BULLETS = np.array([ord(bullet) for bullet in "•‣◦●○▪■·*-"], np.uint32)


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray]:
    """The signals of `GOPHER`."""
    words, lines = layout.words, layout.lines
    total = layout.count(words)
    letters = running_count(layout.has(characters.ALPHABETIC))
    symbols = running_count(layout.has(characters.SYMBOL))
    alphabetic = letters[words.end] > letters[words.start]
    proper = words.take(symbols[words.end] - symbols[words.start] < words.length)
    hashes = layout.count_at(np.flatnonzero(layout.codes == ord("#")))
    ellipses = layout.count_at(_ellipses(layout))
    return {
        "gopher_words": layout.count(proper),
        "gopher_mean_word_length": ratio(layout.count(proper, proper.length), layout.count(proper)),
        "gopher_symbol_ratio": ratio(np.maximum(hashes, ellipses), total),
        "gopher_bullet_lines": ratio(
            layout.count(lines, np.isin(layout.codes[lines.start], _BULLETS)), layout.count(lines)
        ),
        "gopher_ellipsis_lines": ratio(layout.count(lines, _ends_in_ellipsis(layout)), layout.count(lines)),
        "gopher_alpha_words": ratio(layout.count(words, alphabetic), total),
        "gopher_stop_words": _stop_words(layout, options),
    }


def _ellipses(layout: Layout) -> np.ndarray:
    """Where ellipses end (ascending int64): at every third dot of a run, at the last of a run of `…`."""
    dots = np.flatnonzero(layout.codes == ord("."))
    number = np.arange(len(dots))
    begins = np.diff(dots, prepend=-2) != 1
    third = dots[(number - np.maximum.accumulate(np.where(begins, number, 0))) % 3 == 2]
    wide = np.flatnonzero(layout.codes == ord("…"))
    return np.sort(np.concatenate([third, wide[np.diff(wide, append=-1) != 1]]))


def _ends_in_ellipsis(layout: Layout) -> np.ndarray:
    ends, codes = layout.lines.end, layout.codes
    dot = codes == ord(".")
    three = (layout.lines.length >= 3) & dot[ends - 1] & dot[ends - 2] & dot[ends - 3]
    return three | (codes[ends - 1] == ord("…"))


def _stop_words(layout: Layout, options: Annotate) -> np.ma.MaskedArray:
    """Distinct stop words of each document's language, masked where that language has no list."""
    counts = np.ma.masked_all(layout.size, np.int64)
    words = layout.words
    start, end = layout.trimmed(words.start, words.end, ~layout.has(characters.SYMBOL))
    hashed = RangeHash(characters.lower(layout.codes))
    for language, stop_words in options.stop_words.items():
        chosen = layout.languages == language
        if not chosen.any():
            continue
        known = np.sort(_hash_words(stop_words))
        mine = chosen[words.document] & (end - start <= max(map(len, stop_words)))
        hashes = hashed(start[mine], end[mine])
        place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        hit = known[place] == hashes
        found = np.zeros((layout.size, len(known)), bool)
        found[words.document[mine][hit], place[hit]] = True
        counts[chosen] = found[chosen].sum(axis=1)
    return counts


def _hash_words(words: list[str]) -> np.ndarray:
    lengths = np.array([len(word) for word in words])
    ends = np.cumsum(lengths)
    codes = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    return RangeHash(codes)(ends - lengths, ends)


GOPHER = Family(
    "gopher",
    "Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A1.1",
    (
        Signal("gopher_words", COUNT, "words that are more than punctuation and symbols"),
        Signal("gopher_mean_word_length", RATIO, "mean characters of those words"),
        Signal("gopher_symbol_ratio", RATIO, "the larger of hash signs and ellipses, per word"),
        Signal("gopher_bullet_lines", RATIO, "share of lines that start with a bullet point"),
        Signal("gopher_ellipsis_lines", RATIO, "share of lines that end with an ellipsis"),
        Signal("gopher_alpha_words", RATIO, "share of words with a letter"),
        Signal(
            "gopher_stop_words",
            COUNT,
            "distinct stop words of the document's language; null where params.yaml lists none for it",
        ),
    ),
    compute,
)
