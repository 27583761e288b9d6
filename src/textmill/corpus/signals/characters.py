"""Classes of characters, by one table look-up per character."""

from __future__ import annotations

import unicodedata

import numpy as np
import regex

from textmill.corpus.signals.marks import PUNCTUATION, TERMINALS

SPACE = 1
"""White space, as `str.isspace`."""
BREAK = 2
"""Punctuation that separates words: all outside ASCII but apostrophe, hyphens and middle dot."""
IDEOGRAPH = 4
"""A character that is a word by itself: Han, Hiragana or Katakana, which are written without spaces."""
ALPHABETIC = 8
"""A letter, as `str.isalpha`; ideographs are letters."""
PROPER = 16
"""Neither white space nor punctuation (`marks.PUNCTUATION`) nor what separates words."""
TERMINAL = 32
"""The end of a sentence."""
QUOTE = 64
"""A quotation mark that may close a sentence, in any script."""

_UNKNOWN = 255
_WITHIN_WORDS = frozenset("’‐‑·")
_QUOTES = frozenset("\"'”’»」』")
_IDEOGRAPH = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}ー]")

_flags = np.full(0x110000, _UNKNOWN, np.uint8)


def flags_of(text: bytes | np.ndarray) -> np.ndarray:
    """The classes of each character, as a sum of the constants above (uint8).

    Args:
        text: ASCII bytes, or code points (uint32).
    """
    if isinstance(text, bytes):
        return np.frombuffer(text.translate(_ASCII), np.uint8)
    found = _flags[text]
    # A corpus holds few distinct characters; classifying all of Unicode would take longer than most batches.
    unknown = text[found == _UNKNOWN]
    if len(unknown):
        _learn(unknown)
        found = _flags[text]
    return found


def _learn(codes: np.ndarray) -> None:
    for code in np.unique(codes).tolist():
        _flags[code] = _classify(chr(code))


def _classify(character: str) -> int:
    category = unicodedata.category(character)
    separates = not character.isascii() and category.startswith("P") and character not in _WITHIN_WORDS
    space = character.isspace()
    return (
        SPACE * space
        | BREAK * separates
        | IDEOGRAPH * (_IDEOGRAPH.match(character) is not None)
        | ALPHABETIC * character.isalpha()
        | PROPER * (not space and not separates and character not in PUNCTUATION)
        | TERMINAL * (character in TERMINALS)
        | QUOTE * (character in _QUOTES)
    )


_ASCII = bytes(_classify(chr(code)) if code < 128 else 0 for code in range(256))
