"""Payment cards and international bank account numbers: issuer or country, length, check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from textmill.corpus.cleaning.pii.kind import Guarded, Kind, Span, in_row

_CARD = Guarded(
    r"\d{12,19}"
    r"|\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,4}(?:[ -]\d{1,3})?"
    r"|\d{4}[ -]\d{6}[ -]\d{4,5}",
    r"\w.+-",
    r"\w-",
)
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = tuple(
    (low, high, frozenset(lengths))
    for low, high, lengths in (
        (34, 34, (15,)),  # American Express
        (37, 37, (15,)),
        (300, 305, (14, 16)),  # Diners Club
        (36, 36, (14, 16)),
        (38, 39, (14, 16)),
        (3528, 3589, (16, 17, 18, 19)),  # JCB
        (4, 4, (13, 16, 19)),  # Visa
        (51, 55, (16,)),  # Mastercard
        (2221, 2720, (16,)),
        (2200, 2204, (16, 17, 18, 19)),  # Mir
        (5018, 5018, range(12, 20)),  # Maestro
        (5020, 5020, range(12, 20)),
        (5038, 5038, range(12, 20)),
        (5893, 5893, range(12, 20)),
        (6304, 6304, range(12, 20)),
        (6759, 6763, range(12, 20)),
        (6011, 6011, (16, 17, 18, 19)),  # Discover
        (644, 649, (16, 17, 18, 19)),
        (65, 65, (16, 17, 18, 19)),
        (62, 62, (16, 17, 18, 19)),  # UnionPay
        (81, 81, (16, 17, 18, 19)),
        (60, 60, (16,)),  # RuPay
        (82, 82, (16,)),
        (508, 508, (16,)),
        (9792, 9792, (16,)),  # Troy
    )
)
_CARD_NEARBY = re.compile(
    r"card|visa|maestro|amex|american express|discover|diners|\bjcb\b|unionpay|credit|debit|\bpay|charge"
    r"|\bcv[vc]|卡|银联|支付|付款|刷",
    re.IGNORECASE,
)
_OTHER_NUMBER_BEFORE = re.compile(
    r"(?:[(\[{=*/<>^_'\"`]|\d[ ,;]{1,2}|\*\*|seed|\bids?|order|invoice|tracking|serial|isbn|imei|hash"
    r"|timestamp|code|订单号?|单号|编号|序列号|条码|流水号)[^\w\n]{0,3}(?:(?:no|number|is|of|号|是|为|:|：|#)[^\w\n]{0,3}){0,2}$",
    re.IGNORECASE,
)
_BEFORE, _AFTER = 40, 24
_FOUR_GROUPS = len("4111 1111 1111 1111")
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27,
    "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28,
    "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21,
    "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an account number by country (SWIFT IBAN registry)."""

_HEAD = rf"(?:{'|'.join(_IBAN_LENGTHS)})\d\d"
_IBAN = re.compile(rf"(?<![A-Za-z0-9]){_HEAD}(?=[ ]?[A-Z0-9])")
_IBAN_CLUE = rf"(?:\A|[^A-Za-z0-9]){_HEAD}[ ]?[A-Z0-9]{{4}}[ ]?[A-Z0-9]{{4}}[ ]?[A-Z0-9]{{3}}"


def find_cards(text: str) -> Iterator[Span]:
    """Card numbers of known issuers, in one piece or in groups, with a valid check digit (ISO/IEC 7812)."""
    for match in _CARD.pattern.finditer(text):
        start, end = match.span()
        # What looks like a fifth group may be the expiry date or the security code.
        for last in dict.fromkeys((end, min(end, start + _FOUR_GROUPS))):
            if _is_card(text, start, last):
                yield start, last
                break


def _is_card(text: str, start: int, end: int) -> bool:
    found = text[start:end]
    separators = {character for character in found if not character.isdigit()}
    digits = "".join(character for character in found if character.isdigit())
    if len(separators) > 1 or not (_has_issuer(digits) and luhn(digits) and len(set(digits)) > 1):
        return False
    if separators:
        return not (" " in separators and in_row(text, start, end))
    return not _is_other_number(text, start, end)


def _is_other_number(text: str, start: int, end: int) -> bool:
    # One in ten integers has a valid check digit by chance, so an argument of a function, an item of a list
    # or the number of an order must be called a card to be one.
    before = text[max(start - _BEFORE, 0) : start]
    if not _OTHER_NUMBER_BEFORE.search(before):
        return False
    return not (_CARD_NEARBY.search(before) or _CARD_NEARBY.search(text[end : end + _AFTER]))


def _has_issuer(digits: str) -> bool:
    return any(
        len(digits) in lengths and low <= int(digits[: len(str(low))]) <= high
        for low, high, lengths in _ISSUERS
    )


def luhn(digits: str) -> bool:
    """Whether the last of `digits` is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = sum(map(int, digits[-1::-2])) + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


def find_ibans(text: str) -> Iterator[Span]:
    """Bank account numbers of the countries of the IBAN registry, in one piece or in groups of four."""
    for match in _IBAN.finditer(text):
        end = _end_of_iban(text, match.start(), _IBAN_LENGTHS[match.group()[:2]])
        if end and _mod_97(text[match.start() : end].replace(" ", "")):
            yield match.start(), end


def _end_of_iban(text: str, start: int, length: int) -> int:
    """Where an account number of `length` characters from `start` on ends; 0 where none stands there."""
    place, spaced = start, text[start + 4 : start + 5] == " "
    for number in range(length):
        if spaced and number and number % 4 == 0:
            if text[place : place + 1] != " ":
                return 0
            place += 1
        character = text[place : place + 1]
        if not ("0" <= character <= "9" or "A" <= character <= "Z"):
            return 0
        place += 1
    after = text[place : place + 1]
    return 0 if after.isascii() and after.isalnum() else place


def _mod_97(iban: str) -> bool:
    """Whether the check digits of an account number are right (ISO 7064, MOD 97-10)."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


CREDIT_CARD = Kind("credit_card", _CARD.clue, find_cards)
IBAN = Kind("iban", _IBAN_CLUE, find_ibans)
