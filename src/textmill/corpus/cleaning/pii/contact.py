"""E-mail addresses, and telephone numbers that are valid under the numbering plan of their country.

Telephone numbers are confirmed by Google's libphonenumber.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from textmill.corpus.cleaning.pii.kind import Guarded, Kind, Span, any_of, in_row

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+@-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}"
    r"(?![A-Za-z0-9@_])"
)
_EMAIL_CLUE = r"[A-Za-z0-9._%+-]@(?:[A-Za-z0-9][A-Za-z0-9-]*\.)+[A-Za-z]{2}"

_NOT_BEFORE, _NOT_AFTER = r"\w.+-", r"\w-"
_INTERNATIONAL = Guarded(
    # +44 20 7946 0958, +49 (0)30 901820, (+86) 138 0013 8000
    r"(?:\+[1-9]\d{0,2}|\(\+[1-9]\d{0,2}\)|0086)[ -]?(?:\(\d{1,4}\)[ -]?)?\d{1,5}(?:[ -]?\d{2,5}){1,5}"
    # +33.1.42.68.53.00; a number with one full stop is a decimal.
    r"|\+[1-9]\d{0,2}(?:\.\d{1,5}){3,5}",
    _NOT_BEFORE,
    _NOT_AFTER,
)
_CHINESE_MOBILE = Guarded(r"1[3-9]\d(?:\d{8}|-\d{4}-\d{4}|[ ]\d{4}[ ]\d{4})", _NOT_BEFORE, _NOT_AFTER)
_CHINESE_LANDLINE = Guarded(
    r"(?:[(（]0\d{2,3}[)）][ -]?|0(?:10|2\d|[3-9]\d{2})[- ])\d{3,4}[ -]?\d{4}(?:-\d{1,5})?",
    _NOT_BEFORE,
    _NOT_AFTER,
)
_THREE_THREE_FOUR = Guarded(
    r"(?:1[ -])?(?:\([2-9]\d{2}\)[ ]?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}", _NOT_BEFORE, _NOT_AFTER
)
_TEN_DIGITS = Guarded(r"[2-9]\d{2}[2-9]\d{6}", _NOT_BEFORE, _NOT_AFTER)

_PHONE_NEARBY = re.compile(
    r"[\u4e00-\u9fff]|phone|mobile|\btel\b|\bcell\b|\bcall|contact|my number|text me|whatsapp|wechat",
    re.IGNORECASE,
)
_CALLED = re.compile(
    r"(?:phone|mobile|\btel|\bcell|\bcall|\bfax|\btext|\bsms|whatsapp|contact|dial|ring|reach|电话|手机|热线|联系|致电|拨打|传真)"
    r"(?:[ \w]{0,12}|号码?)[^\w\n]{0,3}$",
    re.IGNORECASE,
)
_CALLED_WITHIN = 28
_OTHER_NUMBER_BEFORE = re.compile(
    r"(?:订单|单|编|序列|流水|学|工|账|帐|型|证|QQ|order|\bid|serial|invoice)(?:number|no|号码?)?[^\w\n]{0,3}$",
    re.IGNORECASE,
)


def find_emails(text: str) -> Iterator[Span]:
    """E-mail addresses with a dotted domain of letters, digits and hyphens."""
    if "@" in text:
        yield from (match.span() for match in _EMAIL.finditer(text))


def find_phones(text: str) -> Iterator[Span]:
    """International numbers, and national ones of China and North America."""
    if "+" in text or "0086" in text:
        yield from _INTERNATIONAL.spans(text, lambda match: _valid(match, None))
    yield from _CHINESE_LANDLINE.spans(text, _is_chinese_landline)
    yield from _CHINESE_MOBILE.spans(text, _is_chinese_mobile)
    yield from _THREE_THREE_FOUR.spans(text, _is_three_three_four)
    yield from _TEN_DIGITS.spans(text, lambda match: _is_called(match) and _valid(match, "US"))


def _is_chinese_landline(match: re.Match[str]) -> bool:
    # Digits with a space between them may be two numbers.
    if match.group()[0] not in "(（" and " " in match.group()[:5] and not _is_called(match):
        return False
    return _valid(match, "CN")


def _is_chinese_mobile(match: re.Match[str]) -> bool:
    # Eleven bare digits may be any integer (2**34 is 17179869184), unless the words around them say
    # otherwise.
    if match.group().isdigit():
        start = max(match.start() - 24, 0)
        if not _PHONE_NEARBY.search(match.string, start, match.end() + 8):
            return False
        if _OTHER_NUMBER_BEFORE.search(match.string[start : match.start()]):
            return False
    elif " " in match.group() and in_row(match.string, *match.span()):
        return False
    return _valid(match, "CN")


def _is_three_three_four(match: re.Match[str]) -> bool:
    number = match.group()
    if " " in number and "(" not in number and "-" not in number and not _is_called(match):
        return False
    return _valid(match, "US") or ("-" in number and _valid(match, "CN"))


def _is_called(match: re.Match[str]) -> bool:
    start = match.start()
    return _CALLED.search(match.string[max(start - _CALLED_WITHIN, 0) : start]) is not None


def _valid(match: re.Match[str], region: str | None) -> bool:
    import phonenumbers

    number = match.group()
    if number.startswith("00"):
        number = "+" + number[2:]
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


EMAIL = Kind("email", _EMAIL_CLUE, find_emails)
PHONE = Kind(
    "phone",
    any_of(
        *(
            each.clue
            for each in (_INTERNATIONAL, _CHINESE_MOBILE, _CHINESE_LANDLINE, _THREE_THREE_FOUR, _TEN_DIGITS)
        )
    ),
    find_phones,
)
