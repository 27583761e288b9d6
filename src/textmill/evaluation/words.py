"""Words of any language, for metrics and baselines that count them."""

from __future__ import annotations

import functools
from typing import Any

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
_PATTERN = rf"[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+"


@functools.cache
def _pattern() -> Any:
    import regex

    return regex.compile(_PATTERN, regex.VERSION1)


def split_words(text: str) -> list[str]:
    """Lower-cased words: runs of letters and digits; a character each in scripts written without spaces.

    On ASCII text this is rouge-score's default tokenization without a stemmer; that one drops every
    character outside ASCII, which leaves nothing of a Chinese text.
    """
    return _pattern().findall(text.lower())
