"""The quality heuristics of Gopher (Rae et al., 2021, https://arxiv.org/abs/2112.11446, appendix A1.1).

Counted as datatrove's GopherQualityFilter counts.
"""

from __future__ import annotations

import numpy as np

from textmill.config.annotate import Annotate
from textmill.corpus.signals import characters
from textmill.corpus.signals.family import COUNT, RATIO, Family, Signal
from textmill.corpus.signals.hashing import RangeHash
from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.spans import ratio

_BULLETS = "•-"


def compute(layout: Layout, options: Annotate) -> dict[str, np.ndarray | np.ma.MaskedArray]:
    """The signals of `GOPHER`."""
    words, lines = layout.words, layout.lines
    total = words.count()
    proper = layout.word_flags & characters.PROPER != 0
    first = layout.codes[lines.start]
    bullet = (first == ord(_BULLETS[0])) | (first == ord(_BULLETS[1]))
    all_lines = _all_lines(layout)
    hashes = layout.count_at(layout.at("#"))
    return {
        "gopher_words": words.count(proper),
        "gopher_mean_word_length": ratio(words.total(words.length * proper), words.count(proper)),
        "gopher_symbol_ratio": ratio(np.maximum(hashes, _ellipses(layout)), total),
        "gopher_bullet_lines": ratio(lines.count(bullet), all_lines),
        "gopher_ellipsis_lines": ratio(lines.count(ends_in_ellipsis(layout)), all_lines),
        "gopher_alpha_words": ratio(words.count(layout.word_flags & characters.ALPHABETIC != 0), total),
        "gopher_stop_words": _stop_words(layout, options),
    }


def _all_lines(layout: Layout) -> np.ndarray:
    """Lines of each document as `str.splitlines` counts them, blank ones included (int64)."""
    raw = layout.all_lines.raw
    last = raw.offsets[1:] - 1
    return raw.count() - (raw.start[last] == raw.end[last])


def _ellipses(layout: Layout) -> np.ndarray:
    """How often each document has three dots in a row, as `str.count`, or the character for it (int64)."""
    dots = layout.at(".")
    number = np.arange(len(dots))
    begins = np.diff(dots, prepend=-2) != 1
    third = dots[(number - np.maximum.accumulate(np.where(begins, number, 0))) % 3 == 2]
    counts = layout.count_at(third)
    return counts if layout.ascii else counts + layout.count_at(layout.at("…"))


def ends_in_ellipsis(layout: Layout) -> np.ndarray:
    """Which lines end in three dots or the character for it (bool)."""
    ends, codes = layout.lines.end, layout.codes
    result = codes[ends - 1] == ord(".")
    some = np.flatnonzero(result & (layout.lines.length >= 3))
    result[:] = False
    result[some] = (codes[ends[some] - 2] == ord(".")) & (codes[ends[some] - 3] == ord("."))
    return result if layout.ascii else result | (codes[ends - 1] == ord("…"))


def _stop_words(layout: Layout, options: Annotate) -> np.ma.MaskedArray:
    """Distinct stop words of each document's language, masked where that language has no list."""
    counts = np.ma.masked_all(layout.size, np.int64)
    words = layout.words
    for language, stop_words in options.stop_words.items():
        chosen = layout.languages == language
        if not chosen.any():
            continue
        known = np.sort(_hash_words(stop_words))
        short = words.length <= max(map(len, stop_words))
        mine = np.flatnonzero(short if chosen.all() else short & np.repeat(chosen, words.count()))
        hashes = layout.word_hashes[mine]
        place = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        hit = known[place] == hashes
        found = np.zeros((layout.size, len(known)), bool)
        found[words.document[mine[hit]], place[hit]] = True
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
        Signal("gopher_words", COUNT, "words that are more than punctuation"),
        Signal("gopher_mean_word_length", RATIO, "mean characters of those words"),
        Signal("gopher_symbol_ratio", RATIO, "the larger of hash signs and ellipses, per word"),
        Signal("gopher_bullet_lines", RATIO, "share of all lines, blank ones too, that start with • or -"),
        Signal("gopher_ellipsis_lines", RATIO, "share of all lines that end with an ellipsis"),
        Signal("gopher_alpha_words", RATIO, "share of words with a letter"),
        Signal(
            "gopher_stop_words",
            COUNT,
            "distinct stop words, written just so, of the document's language; null for a language without",
        ),
    ),
    compute,
)
