"""Masking of personal data and secrets: a regular expression proposes, a checker of the format decides.

E-mail, telephone and public IP are the types that FineWeb and Dolma mask (Penedo et al., 2024; Soldaini et
al., 2024); telephone numbers are confirmed by Google's libphonenumber, addresses by the standard library's
`ipaddress`. The patterns run in linear time on any input.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from textmill.config.clean import Mask

TYPES = ("email", "phone", "ip", "secret")
"""The order of the counts that `mask` returns."""

_EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+@-])[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z]{2,24}"
    r"(?![A-Za-z0-9@_])"
)

_IPV4 = re.compile(r"(?<![\w.%+-])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w-]|\.\w)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?![\w:]|\.\d)", re.ASCII)
_VERSION_BEFORE = re.compile(
    r"(?:version|release|build|section|chapter|rev|ver|[<>=~!^v])\W{0,3}$", re.IGNORECASE
)
_ADDRESS_BEFORE = re.compile(r"(?:\bip|address|addr|host|server|://|@|地址|服务器)\W{0,4}$", re.IGNORECASE)
_LARGEST_VERSION_PART = 31
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")

_FOUR_DIGITS = re.compile(r"\d{4}", re.ASCII)
_INTERNATIONAL = re.compile(
    r"(?<![\w+.])(?:\+|00(?=86))[1-9]\d{0,2}[ -]?(?:\(\d{1,4}\)[ -]?)?\d{1,5}(?:[ -]?\d{2,5}){1,4}"
    r"(?![\w-]|\.\d)",
    re.ASCII,
)
_CHINESE_MOBILE = re.compile(
    r"(?<![\w.+-])1[3-9]\d(?:\d{8}|-\d{4}-\d{4}|[ ]\d{4}[ ]\d{4})(?![\w-]|\.\d)", re.ASCII
)
_CHINESE_LANDLINE = re.compile(
    r"(?<![\w.+-])(?:[(（]0\d{2,3}[)）][ -]?|0(?:10|2\d|[3-9]\d{2})-)\d{7,8}(?:-\d{1,5})?(?![\w-]|\.\d)",
    re.ASCII,
)
_NORTH_AMERICAN = re.compile(
    r"(?<![\w.+-])(?:1[ -])?(?:\([2-9]\d{2}\)[ ]?|[2-9]\d{2}[-.])[2-9]\d{2}[-.]\d{4}(?![\w-]|\.\d)", re.ASCII
)
_PHONE_NEARBY = re.compile(
    r"[\u4e00-\u9fff]|phone|mobile|\btel\b|\bcell\b|call|contact|whatsapp|wechat", re.IGNORECASE
)

_USER_AND_PASSWORD = re.compile(r"""://[^\s/?#@:<>"'`{}]{1,128}:[^\s/?#@<>"'`{}]{1,256}@""")
_SECRET_PARAMETER = re.compile(
    r"""([?&](?:access_?token|auth_?token|refresh_token|id_token|token|api_?key|client_secret|secret|password|passwd"""
    r"""|pwd|signature|sig|x-amz-(?:signature|security-token|credential))=)[^\s&#<>"'`{}\[\]()，。；]{6,}""",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{50,251}|glpat-[A-Za-z0-9_-]{20,64}"
    r"|sk-(?=[A-Za-z0-9_-]{0,200}\d)[A-Za-z0-9_-]{20,200}|[sr]k_live_[A-Za-z0-9]{16,128}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,128}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,512}"
    r"|hf_[A-Za-z0-9]{34}|eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,4096}"
    r")(?![A-Za-z0-9_-])"
)
_KEY_MARKS = (
    "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-", "k_live_", "xox",
    "AIza", "ya29.", "hf_", "eyJ",
)  # fmt: skip
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----[A-Za-z0-9+/=\s:,.-]{16,16384}?"
    r"-----END (?:[A-Z]+ ){0,3}PRIVATE KEY-----"
)


def mask(text: str, options: Mask) -> tuple[str, tuple[int, int, int, int]]:
    """Replace what `options` asks for by `<EMAIL>`, `<PHONE>`, `<IP>` and `<SECRET>`.

    Returns:
        The text and how many of each type were replaced, in the order of `TYPES`.
    """
    emails = phones = addresses = secrets = 0
    if options.secret:
        text, secrets = _mask_secrets(text)
    if options.email and "@" in text:
        text, emails = _EMAIL.subn("<EMAIL>", text)
    if options.ip:
        text, addresses = _mask_addresses(text)
    if options.phone and ("+" in text or _FOUR_DIGITS.search(text)):
        text, phones = _mask_phones(text)
    return text, (emails, phones, addresses, secrets)


def _mask_secrets(text: str) -> tuple[str, int]:
    in_urls = in_parameters = keys = private = 0
    if "://" in text:
        if "@" in text:
            text, in_urls = _USER_AND_PASSWORD.subn("://<SECRET>@", text)
        if "=" in text:
            text, in_parameters = _SECRET_PARAMETER.subn(r"\1<SECRET>", text)
    if any(mark in text for mark in _KEY_MARKS):
        text, keys = _KEYS.subn("<SECRET>", text)
    if "PRIVATE KEY-----" in text:
        text, private = _PRIVATE_KEY.subn("<SECRET>", text)
    return text, in_urls + in_parameters + keys + private


def _mask_addresses(text: str) -> tuple[str, int]:
    text, four = _replace(_IPV4, text, "<IP>", _is_public_ipv4)
    six = 0
    if "::" in text or text.count(":") >= 7:
        text, six = _replace(_IPV6, text, "<IP>", _is_public_ipv6)
    return text, four + six


def _is_public_ipv4(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.IPv4Address(match.group())
    except ipaddress.AddressValueError:
        return False
    if not address.is_global or address.is_multicast:
        return False
    before = match.string[max(match.start() - 12, 0) : match.start()]
    if _ADDRESS_BEFORE.search(before):
        return True
    if _VERSION_BEFORE.search(before):
        return False
    # Four small numbers are a version or a section far more often than an address.
    return max(address.packed) > _LARGEST_VERSION_PART


def _is_public_ipv6(match: re.Match[str]) -> bool:
    groups = [group for group in match.group().split(":") if group]
    if len(groups) < 4:  # x[2000::5] is a slice
        return False
    try:
        address = ipaddress.IPv6Address(match.group())
    except ipaddress.AddressValueError:
        return False
    return address in _GLOBAL_UNICAST and address.is_global


def _mask_phones(text: str) -> tuple[str, int]:
    international = 0
    if "+" in text or "0086" in text:
        text, international = _replace(_INTERNATIONAL, text, "<PHONE>", lambda match: _is_phone(match, None))
    text, landline = _replace(_CHINESE_LANDLINE, text, "<PHONE>", lambda match: _is_phone(match, "CN"))
    text, mobile = _replace(_CHINESE_MOBILE, text, "<PHONE>", _is_chinese_mobile)
    text, american = _replace(_NORTH_AMERICAN, text, "<PHONE>", lambda match: _is_phone(match, "US"))
    return text, international + landline + mobile + american


def _is_phone(match: re.Match[str], region: str | None) -> bool:
    import phonenumbers

    number = match.group()
    if number.startswith("00"):
        number = "+" + number[2:]
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _is_chinese_mobile(match: re.Match[str]) -> bool:
    # Eleven bare digits may be any integer (2**34 is 17179869184), unless the words around them say
    # otherwise.
    if match.group().isdigit():
        start = max(match.start() - 24, 0)
        if not _PHONE_NEARBY.search(match.string, start, match.end() + 8):
            return False
    return _is_phone(match, "CN")


def _replace(
    pattern: re.Pattern[str], text: str, placeholder: str, accept: Callable[[re.Match[str]], bool]
) -> tuple[str, int]:
    count = 0

    def substitute(match: re.Match[str]) -> str:
        nonlocal count
        if not accept(match):
            return match.group()
        count += 1
        return placeholder

    return pattern.sub(substitute, text), count
