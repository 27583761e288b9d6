"""Text in blocks and lines: in one of the declared encodings, without NUL, no line without an end."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from typing import IO, Any

from textmill.corpus.sources.encodings import Encodings, transcodes
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.records import Origin

BLOCK_BYTES = 4 << 20
"""Bytes worked on at a time."""

PART_BYTES = 1 << 18
"""Bytes read at a time."""

NUL = ("found a NUL byte", "text in UTF-8")
_BOM = codecs.BOM_UTF8


def blocks(raw: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file in blocks; what comes before damage is yielded before it is raised.

    Raises:
        Unreadable: as `raw` does.
    """
    while True:
        parts: list[bytes] = []
        size, damage = 0, None
        try:
            while size < BLOCK_BYTES and (part := raw.read(PART_BYTES)):
                parts.append(part)
                size += len(part)
        except Unreadable as error:
            damage = error
        if parts:
            yield b"".join(parts)
        if damage:
            raise damage
        if size < BLOCK_BYTES:
            return


def line_blocks(
    raw: IO[bytes], origin: Origin, limit: int, encodings: Sequence[str] = ("utf-8",)
) -> Iterator[tuple[Sequence[int], list[bytes]]]:
    """Yield (numbers of the lines, lines in UTF-8 without their end) for one block of the file after another.

    A line that is longer than `limit` bytes, holds a NUL, or is in none of `encodings` is refused and left
    out. Where the file ends in damage, its last line, which may be cut, is left out. Memory: one block and
    one line.

    Raises:
        Unreadable: the file is damaged, or with strict faults the first bad line.
    """
    known = Encodings(encodings)
    number, offset, rest, skipping = 1, 0, b"", False
    source = blocks(raw)
    first = next(source, b"")
    if wide := transcodes(first, encodings):
        source, known = _chained(first, source, origin, wide), Encodings(["utf-8"])
        first = next(source, b"")
    if first.startswith(_BOM):
        first, offset = first[len(_BOM) :], len(_BOM)
    for block in _with_first(first, source):
        data = rest + block if rest else block
        lines = data.split(b"\n")
        rest = lines.pop()
        start, begin = number, offset
        number += len(lines)
        offset += len(data) - len(rest)
        if skipping and lines:
            start, begin = start + 1, begin + len(lines[0]) + 1
            del lines[0]
            skipping = False
        elif skipping:
            offset, rest = offset + len(rest), b""
            continue
        if lines:
            yield _checked(lines, start, begin, origin, limit, known)
        if len(rest) > limit:
            _refuse_length(origin, number, limit)
            offset, rest, skipping = offset + len(rest), b"", True
    if rest:
        yield _checked([rest], number, offset, origin, limit, known)


def _with_first(first: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from source


def _chained(first: bytes, source: Iterator[bytes], origin: Origin, encoding: str) -> Iterator[bytes]:
    """Blocks of UTF-8 out of blocks in an encoding whose line ends are not single bytes."""
    decoder = codecs.getincrementaldecoder(encoding)()
    at = 0
    for block in _with_first(first, source):
        try:
            yield decoder.decode(block).encode()
        except UnicodeError as error:
            raise Unreadable(
                origin.where, f"after byte {at:,}", f"not {encoding} ({error})", f"text in {encoding}"
            ) from None
        at += len(block)


def _checked(
    lines: list[bytes], start: int, offset: int, origin: Origin, limit: int, known: Encodings
) -> tuple[Sequence[int], list[bytes]]:
    """The lines that can be used, in UTF-8, and their numbers; the others are refused."""
    joined = b"\n".join(lines)
    if b"\0" not in joined and known.is_utf8(joined) and max(map(len, lines)) <= limit:
        return range(start, start + len(lines)), lines
    known.learn([line for line in lines if not known.is_utf8(line)])
    numbers: list[int] = []
    kept: list[bytes] = []
    for number, line in enumerate(lines, start):
        if len(line) > limit:
            _refuse_length(origin, number, limit)
        elif (at := line.find(b"\0")) >= 0:
            origin.refuse(f"line {number:,}, byte {offset + at + 1:,}", *NUL, record=str(number))
        elif (text := known.as_utf8(line)) is None:
            at, found, expected, advice = known.complaint(line)
            spot = f"line {number:,}, byte {offset + at + 1:,}"
            origin.refuse(spot, found, expected, record=str(number), advice=advice)
        else:
            numbers.append(number)
            kept.append(text)
        offset += len(line) + 1
    return numbers, kept


def _refuse_length(origin: Origin, number: int, limit: int) -> None:
    found, expected, advice = longer_than(limit)
    origin.refuse(f"line {number:,}", found, expected, record=str(number), advice=advice)


def whole_text(
    raw: IO[bytes], origin: Origin, limit: int, encodings: Sequence[str] = ("utf-8",), html: bool = False
) -> str:
    """All text of a file, without its byte order mark.

    Args:
        raw: the file.
        origin: its names.
        limit: the most bytes.
        encodings: tried in this order.
        html: as a last resort the charset that the document declares is tried.

    Raises:
        Unreadable: it is longer than `limit` bytes, holds a NUL, is in none of `encodings`, or is damaged.
    """
    content = b""
    for block in blocks(raw):
        content += block
        if len(content) > limit:
            found, expected, advice = longer_than(limit)
            raise Unreadable(origin.where, "", found, expected, advice=advice)
    return text_of(content, origin, encodings, html)


def text_of(content: bytes, origin: Origin, encodings: Sequence[str], html: bool = False) -> str:
    """The text of a file's content; see `whole_text`."""
    if encoding := transcodes(content, encodings):
        try:
            return content.decode(encoding).removeprefix("\ufeff")
        except UnicodeError as error:
            raise Unreadable(origin.where, "", f"not {encoding} ({error})", f"text in {encoding}") from None
    known = Encodings(encodings, html=content[:4096] if html else b"")
    body = content.removeprefix(_BOM)
    if (at := body.find(b"\0")) >= 0:
        raise Unreadable(origin.where, _place(content, len(content) - len(body) + at), *NUL)
    known.learn([] if known.is_utf8(body) else [body])
    text = known.as_utf8(body)
    if text is None:
        at, found, expected, advice = known.complaint(body)
        spot = _place(content, len(content) - len(body) + at)
        raise Unreadable(origin.where, spot, found, expected, advice=advice)
    return text.decode("utf-8")


def _place(content: bytes, at: int) -> str:
    return f"line {content.count(10, 0, at) + 1:,}, byte {at + 1:,}"


class CheckedText(io.RawIOBase):
    """A readable stream of UTF-8 text over a file; raises at the first byte that is none, or that is NUL.

    A byte order mark at the start is left out. With faults that are not strict, bad bytes pass: the caller
    looks at each record.
    """

    def __init__(self, raw: IO[bytes], origin: Origin, encodings: Sequence[str] = ("utf-8",)):
        self._origin = origin
        self._blocks = blocks(raw)
        self._held = next(self._blocks, b"")
        known = Encodings(encodings)
        encoding = transcodes(self._held, encodings) or known.of_sample(self._held)
        self._utf8 = codecs.lookup(encoding).name == "utf-8"
        self._encoding = encoding
        if not self._utf8:
            self._blocks = _chained(self._held, self._blocks, origin, encoding)
            self._held = next(self._blocks, b"")
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._byte = self._lines = 0
        if self._held.startswith(_BOM):
            self._byte, self._held = len(_BOM), self._held[len(_BOM) :]
        self._check(self._held)

    def readable(self) -> bool:
        return True

    def peek(self) -> bytes:
        """The first block, as long as nothing was read."""
        return self._held

    def readinto(self, buffer: Any) -> int:
        if not self._held:
            self._held = next(self._blocks, b"")
            self._check(self._held)
        part, self._held = self._held[: len(buffer)], self._held[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def _check(self, block: bytes) -> None:
        if not self._origin.faults.strict:
            return
        if (at := block.find(b"\0")) >= 0:
            raise Unreadable(self._origin.where, self._place(block, at), *NUL)
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            at = max(error.start - pending, 0)
            _, found, expected, advice = Encodings(["utf-8"]).complaint(error.object[error.start :])
            raise Unreadable(
                self._origin.where, self._place(block, at), found, expected, advice=advice
            ) from None
        self._byte += len(block)
        self._lines += block.count(b"\n")

    def _place(self, block: bytes, at: int) -> str:
        line = self._lines + block.count(b"\n", 0, at) + 1
        return f"line {line:,}, byte {self._byte + at + 1:,}"


def longer_than(limit: int) -> tuple[str, str, str]:
    """What was found, expected and advised for a record above the limit."""
    return (
        f"longer than {limit:,} bytes",
        "a record within ingest.max_record_bytes",
        "Split the record, set `lines: true` where each line of a text file is a document, or raise the "
        "limit.",
    )
