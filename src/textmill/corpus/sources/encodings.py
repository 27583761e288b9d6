"""Which encoding a text is in: the first declared one that fits, or the one that is detected."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

from textmill.errors import UserError

DETECT = "detect"
"""In a list of encodings: ask charset-normalizer."""

SAMPLE_BYTES = 1 << 18
"""Bytes that a detection looks at."""

_WIDE = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_META = re.compile(rb"""<meta[^>]*?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)


def checked_names(names: Sequence[str]) -> None:
    """Make sure that each name is an encoding that this Python knows, or `detect`.

    Raises:
        UserError: one is not.
    """
    for name in names:
        if name != DETECT and not known_encoding(name):
            raise UserError(
                f"encodings: {name!r} is no encoding that Python knows; expected a name such as utf-8, "
                f"gb18030 or cp1252, or {DETECT}."
            )


def known_encoding(name: str) -> str | None:
    """The name of a text encoding as Python spells it, or None where it knows none of this name."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    return found.name if getattr(found, "_is_text_encoding", True) else None


def transcodes(head: bytes, encodings: Sequence[str]) -> str:
    """The encoding, if any, in which line ends are not single bytes: UTF-16 or UTF-32, declared or marked."""
    marked = next((name for mark, name in _WIDE.items() if head.startswith(mark)), "")
    if marked and DETECT in encodings:
        return marked
    wide = [
        name
        for name in encodings
        if name != DETECT and codecs.lookup(name).name.startswith(("utf-16", "utf-32"))
    ]
    if not wide:
        return ""
    return wide[0] if marked or len(encodings) == 1 else ""


def declared_charset(head: bytes) -> str | None:
    """The charset that the `meta` elements of an HTML document declare, if Python knows it."""
    found = _META.search(head)
    return known_encoding(found[1].decode("ascii")) if found else None


class Encodings:
    """Decodes lines or files by the first encoding of a list that fits.

    Args:
        names: in this order; `detect` stands for what `learn` finds.
        html: the beginning of a document whose own declaration is tried last.
    """

    def __init__(self, names: Sequence[str], html: bytes = b""):
        self.names = [name for name in names if name != DETECT]
        self._detects = DETECT in names
        self._utf8_first = bool(self.names) and codecs.lookup(self.names[0]).name == "utf-8"
        self._utf8_first = self._utf8_first or (self._detects and not self.names)
        self._detected: str | None = None
        self._declared = declared_charset(html) if html else None

    def is_utf8(self, content: bytes) -> bool:
        """Whether content need not be decoded: it is ASCII, or UTF-8 and that comes first."""
        if content.isascii():
            return True
        return self._utf8_first and _fits(content, "utf-8")

    def learn(self, contents: Sequence[bytes]) -> None:
        """Detect the encoding of contents that no declared one fits, if that was asked for."""
        if not self._detects:
            return
        unknown = [each for each in contents if not any(_fits(each, name) for name in self._tried)]
        if unknown:
            self._detected = detected(b"\n".join(unknown)[:SAMPLE_BYTES]) or self._detected

    @property
    def _tried(self) -> list[str]:
        return [*self.names, *(["utf-8"] if self._detects and not self.names else [])]

    def as_utf8(self, content: bytes) -> bytes | None:
        """The content in UTF-8, or None where no encoding fits."""
        if self.is_utf8(content):
            return content
        for name in [*self._tried, self._detected, self._declared]:
            if name and _fits(content, name):
                return content.decode(name).encode()
        return None

    def of_sample(self, head: bytes) -> str:
        """The encoding of a file that begins with `head`, the first declared one where none fits."""
        self.learn([head])
        for name in [*self._tried, self._detected]:
            if name:
                try:
                    codecs.getincrementaldecoder(name)().decode(head)
                    return name
                except UnicodeError:
                    continue
        return self._tried[0]

    def complaint(self, content: bytes) -> tuple[int, str, str, str]:
        """Of content that nothing fits: the byte (from 0), what was found and expected, and advice."""
        name = self._tried[0]
        try:
            content.decode(name)
            at, reason = 0, "not decodable"
        except UnicodeDecodeError as error:
            at, reason = error.start, error.reason
        shown = "UTF-8" if codecs.lookup(name).name == "utf-8" else name
        others = f", nor {', '.join(self._tried[1:])}" if self._tried[1:] else ""
        return (
            at,
            f"found byte 0x{content[at]:02x}, which is not {shown}{others} ({reason})",
            f"text in {' or '.join([shown, *self._tried[1:]])}",
            "Name its encoding under `encodings`, or convert the file, for example with iconv.",
        )


def detected(content: bytes) -> str | None:
    """The encoding that charset-normalizer takes `content` to be in, or None."""
    from charset_normalizer import from_bytes

    best = from_bytes(content).best()
    return best.encoding if best is not None else None


def _fits(content: bytes, name: str) -> bool:
    try:
        content.decode(name)
    except UnicodeError:
        return False
    return True
