"""Chinese resident identity numbers (GB 11643-1999)."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from textmill.corpus.cleaning.pii.kind import Guarded, Kind, Span, any_of

_REGION = (
    r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])"  # provinces, GB/T 2260
    r"\d{4}"
)
_EIGHTEEN = Guarded(
    rf"{_REGION}[ -]?(?:19|20)\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{{3}}[\dXx]",
    r"\w.+-",
    r"\w-",
)
_FIFTEEN = Guarded(rf"{_REGION}\d{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{{3}}", r"\w.+-", r"\w-")
_CARD_BEFORE = re.compile(r"身份证|证件号|\bID\b|identity", re.IGNORECASE)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def find_numbers(text: str) -> Iterator[Span]:
    """Numbers of 18 characters with a region, a date and a check character that are valid.

    Those of 15 digits, issued until 1999, have no check character: words before them must say what they are.
    """
    yield from _EIGHTEEN.spans(text, _is_valid)
    yield from _FIFTEEN.spans(text, _is_named)


def _is_valid(match: re.Match[str]) -> bool:
    number = re.sub("[ -]", "", match.group()).upper()
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return _CHECK[total % 11] == number[17] and _is_date(number[6:14])


def _is_named(match: re.Match[str]) -> bool:
    before = match.string[max(match.start() - 16, 0) : match.start()]
    return _CARD_BEFORE.search(before) is not None and _is_date("19" + match.group()[6:12])


def _is_date(digits: str) -> bool:
    try:
        datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


RESIDENT_ID = Kind("resident_id", any_of(_EIGHTEEN.clue, _FIFTEEN.clue), find_numbers)
