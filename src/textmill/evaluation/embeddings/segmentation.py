"""Texts as sentences of words: letters between other characters; in Chinese what jieba or a list says."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from textmill.errors import UserError

Segmenter = Literal["jieba", "characters"]
Split = Callable[[str], list[list[str]]]

_SENTENCE = re.compile(r"[.!?\n]+(?=\s|$)|\n|[。！？!?；;]+")
_WORD = re.compile(r"[^\W\d_]+")


def splitter(language: str, segment: Segmenter, words: Sequence[str]) -> Split:
    """A function from a text to its sentences, each a list of lower-case words.

    Args:
        language: ``zh`` is segmented, every other language is written with spaces.
        segment: ``jieba`` for Chinese words; ``characters`` takes each character for a word.
        words: Chinese words that stay whole under either.

    Raises:
        UserError: jieba is wanted and not installed.
    """
    if language != "zh":
        return lambda text: _sentences(text, _spaced)
    return _jieba(words) if segment == "jieba" else _characters(words)


def _sentences(text: str, split: Callable[[str], list[str]]) -> list[list[str]]:
    found = (split(part) for part in _SENTENCE.split(text))
    return [sentence for sentence in found if sentence]


def _spaced(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _characters(words: Iterable[str]) -> Split:
    longest_first = sorted({word for word in words if len(word) > 1}, key=lambda word: (-len(word), word))
    listed = "|".join(map(re.escape, longest_first))
    pattern = re.compile(f"{listed}{'|' if listed else ''}[㐀-鿿]|[^\\W\\d_㐀-鿿]+")
    return lambda text: _sentences(text, lambda part: pattern.findall(part.lower()))


def _jieba(words: Sequence[str]) -> Split:
    try:
        import jieba
    except ImportError:
        raise UserError(
            "embeddings.segment: jieba is not installed. Install the extra "
            "(pip install 'textmill[chinese]'), or set embeddings.segment to characters in params.yaml."
        ) from None
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    for word in words:
        tokenizer.add_word(word)

    def split(part: str) -> list[str]:
        # The hidden Markov model joins characters by chance; the dictionary alone is steadier on rare words.
        return [word for word in tokenizer.cut(part.lower(), HMM=False) if _WORD.fullmatch(word)]

    return lambda text: _sentences(text, split)
