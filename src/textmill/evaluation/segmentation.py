"""Words for the classical baselines: Chinese cut into words by jieba, words without a meaning left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

from textmill.errors import UserError
from textmill.evaluation.words import split_words

PACKAGED_FILES = ("stop_words.yaml",)

Splitter = Callable[[str], list[str]]

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ebe0]+")


def splitter(words: Literal["characters", "jieba"] = "characters", drop_stop_words: bool = False) -> Splitter:
    """A function from a text to its lower-cased words.

    Args:
        words: what a word of Chinese is: a character, or what jieba finds (Sun, 2012: a dictionary of words
            with their frequencies, and a hidden Markov model for those that are not in it).
        drop_stop_words: leave out the words of `stop_words.yaml`.

    Raises:
        UserError: jieba is asked for and missing.
    """
    split: Splitter = split_words
    if words == "jieba":
        _jieba()
        split = segmented
    return partial(_without_stop_words, split) if drop_stop_words else split


def segmented(text: str) -> list[str]:
    """`split_words`, but runs of Chinese characters are cut into words by jieba."""
    found, place = [], 0
    for run in _HAN.finditer(text):
        found += split_words(text[place : run.start()])
        found += _jieba().lcut(run.group())
        place = run.end()
    return found + split_words(text[place:])


@cache
def stop_words() -> frozenset[str]:
    """The stop words of all languages that have a list."""
    from ruamel.yaml import YAML

    path = Path(__file__).with_name("stop_words.yaml")
    lists = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return frozenset(word for words in lists.values() for word in words.split())


def _without_stop_words(split: Splitter, text: str) -> list[str]:
    return [word for word in split(text) if word not in stop_words()]


@cache
def _jieba() -> Any:
    try:
        import jieba
    except ImportError:
        raise UserError(
            "words: jieba needs the package jieba; run: pip install 'textmill[chinese]', or set evaluate's "
            "words to characters."
        ) from None
    from platformdirs import user_cache_path

    jieba.setLogLevel("WARNING")
    tokenizer = jieba.Tokenizer()
    # By default it keeps a marshalled dictionary where every user of the machine may write.
    tokenizer.tmp_dir = str(user_cache_path("textmill", ensure_exists=True))
    tokenizer.initialize()
    return tokenizer
