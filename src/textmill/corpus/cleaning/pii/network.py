"""Globally routable IP addresses, told from version numbers; the standard library's `ipaddress` decides."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from textmill.corpus.cleaning.pii.kind import Guarded, Kind, Span, any_of

_IPV4 = Guarded(r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", r"\w.%+-", r"\w-", decimals=True)
_DOTTED_AFTER = re.compile(r"\.\w", re.ASCII)
# 2000::/3 is what is routed globally; so an address begins with four digits.
_IPV6 = Guarded(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,34}", r"\w:.", r"\w:")
_VERSION_BEFORE = re.compile(
    r"(?:version|release|build|section|chapter|rev|ver|[<>=~!^v]|版本|第)\W{0,3}$", re.IGNORECASE
)
_ADDRESS_BEFORE = re.compile(
    r"(?:\bip|address|addr|host|server|://|@|地址|服务器|主机)\W{0,4}$", re.IGNORECASE
)
_LARGEST_VERSION_PART = 63


def find_addresses(text: str) -> Iterator[Span]:
    """IPv4 and IPv6 addresses that are somebody's: not private, loopback, multicast or documentation."""
    yield from _IPV4.spans(text, _is_public_ipv4)
    if "::" in text or text.count(":") >= 7:
        yield from _IPV6.spans(text, _is_public_ipv6)


def _is_public_ipv4(match: re.Match[str]) -> bool:
    if _DOTTED_AFTER.match(match.string, match.end()):
        return False
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
    # Four small numbers are a version or a section far more often than an address, of which one in 250 has
    # none above 63.
    return max(address.packed) > _LARGEST_VERSION_PART


def _is_public_ipv6(match: re.Match[str]) -> bool:
    groups = [group for group in match.group().split(":") if group]
    if len(groups) < 4:  # x[2000::5] is a slice
        return False
    try:
        return ipaddress.IPv6Address(match.group()).is_global
    except ipaddress.AddressValueError:
        return False


IP = Kind("ip", any_of(_IPV4.clue, _IPV6.clue), find_addresses)
