"""Traditional to simplified Chinese, by OpenCC's dictionary t2s of characters and phrases."""

from __future__ import annotations

from functools import cache
from typing import Any

from textmill.errors import UserError

_MAX_PASSES = 5


def to_simplified(text: str) -> str:
    """`text` with traditional characters replaced by simplified ones; everything else stays byte for byte.

    A conversion can bring two characters together that a phrase of the dictionary joins, so it is repeated
    until nothing changes: what is simplified stays as it is.

    Raises:
        UserError: the package opencc is missing.
    """
    for _ in range(_MAX_PASSES):
        simplified = _converter().convert(text)
        if simplified == text:
            break
        text = simplified
    return text


@cache
def _converter() -> Any:
    try:
        import opencc
    except ImportError:
        raise UserError(
            "clean.simplified needs the package opencc; run: pip install 'textmill[chinese]'"
        ) from None
    return opencc.OpenCC("t2s")
