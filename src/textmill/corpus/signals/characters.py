"""Classes of characters, by one table look-up per character."""

from __future__ import annotations

import unicodedata

import numpy as np
import regex

SPACE = 1
"""White space, as `str.isspace`."""
BREAK = 2
"""Punctuation that separates words: all outside ASCII but apostrophe, hyphens and middle dot."""
IDEOGRAPH = 4
"""A character that is a word by itself: Han, Hiragana or Katakana, which are written without spaces."""
ALPHABETIC = 8
"""A letter, as `str.isalpha`; ideographs are letters."""
SYMBOL = 16
"""Punctuation or symbol (Unicode categories P and S)."""
TERMINAL = 32
"""The end of a sentence."""
QUOTE = 64
"""A quotation mark that may close a sentence, in any script."""
WIDE = 128
"""Terminal punctuation that needs no space behind it."""

_WITHIN_WORDS = frozenset("’‐‑·")
_TERMINALS = frozenset(".!?…。！？｡．‼⁇⁈⁉؟۔।॥።")
_WIDE_TERMINALS = frozenset("。！？｡．")
_QUOTES = frozenset("\"'”’»」』")
_IDEOGRAPH = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}ー]")
_CODES = 0x110000

_flags = np.zeros(_CODES, np.uint8)
_lower = np.zeros(_CODES, np.uint32)
_known = np.zeros(_CODES, bool)


def flags_of(codes: np.ndarray) -> np.ndarray:
    """The classes of each code point (uint32), as a sum of the constants above (uint8)."""
    _learn(codes)
    return _flags[codes]


def lower(codes: np.ndarray) -> np.ndarray:
    """Each code point (uint32) in lower case, where its lower case is one code point."""
    _learn(codes)
    return _lower[codes]


def _learn(codes: np.ndarray) -> None:
    # A text holds few distinct characters; classifying all of Unicode would take longer than most batches.
    seen = np.zeros(_CODES, bool)
    seen[codes] = True
    for code in np.flatnonzero(seen & ~_known).tolist():
        _flags[code] = _classify(chr(code))
        lowered = chr(code).lower()
        _lower[code] = ord(lowered) if len(lowered) == 1 else code
        _known[code] = True


def _classify(character: str) -> int:
    category = unicodedata.category(character)
    punctuation = category.startswith("P")
    return (
        SPACE * character.isspace()
        | BREAK * (punctuation and not character.isascii() and character not in _WITHIN_WORDS)
        | IDEOGRAPH * (_IDEOGRAPH.match(character) is not None)
        | ALPHABETIC * character.isalpha()
        | SYMBOL * (punctuation or category.startswith("S"))
        | TERMINAL * (character in _TERMINALS)
        | QUOTE * (character in _QUOTES)
        | WIDE * (character in _WIDE_TERMINALS)
    )
