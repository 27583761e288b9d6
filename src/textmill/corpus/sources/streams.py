"""Bytes of text files, checked as they pass: intact compression, valid UTF-8, no NUL, no endless line."""

from __future__ import annotations

import codecs
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, Any

from textmill.errors import UserError

BLOCK_BYTES = 4 << 20
"""Bytes read at a time."""

_BOM = codecs.BOM_UTF8


def damage() -> tuple[type[BaseException], ...]:
    """The exceptions that reading a damaged compressed or Parquet file raises."""
    import pyarrow as pa
    import zstandard

    return (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, pa.ArrowInvalid, ValueError)


class CheckedText(io.RawIOBase):
    """A readable stream over `raw` that yields its bytes and raises a UserError at the first bad one.

    A byte order mark at the start is left out. `where` names the file in messages; lines and bytes count from
    1.
    """

    def __init__(self, raw: IO[bytes], where: str):
        self._raw, self._where = raw, where
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._byte = 0
        self._lines = 0
        self._damage = damage()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._next(len(buffer))
        if self._byte == 0 and block.startswith(_BOM):
            self._byte = len(_BOM)
            block = block[len(_BOM) :] or self._next(len(buffer))
        self._check(block)
        self._byte += len(block)
        self._lines += block.count(b"\n")
        buffer[: len(block)] = block
        return len(block)

    def _next(self, size: int) -> bytes:
        try:
            return self._raw.read(size)
        except UserError:
            raise
        except self._damage as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise UserError(
                f"{self._where}: damaged after {self._byte:,} bytes ({reason}); expected an intact file."
            ) from error

    def _check(self, block: bytes) -> None:
        if (at := block.find(b"\0")) >= 0:
            raise UserError(f"{self._place(block, at)}: found a NUL byte; expected text in UTF-8.")
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            at = max(error.start - pending, 0)
            found = error.object[error.start]
            raise UserError(
                f"{self._place(block, at)}: found byte 0x{found:02x}, which is not UTF-8 ({error.reason}); "
                "expected text in UTF-8. Convert the file, for example with iconv."
            ) from None

    def _place(self, block: bytes, at: int) -> str:
        line = self._lines + block.count(b"\n", 0, at) + 1
        return f"{self._where}: line {line:,}, byte {self._byte + at + 1:,}"


def checked(raw: IO[bytes], where: str) -> io.BufferedReader:
    """`raw` as a buffered stream of checked text; see `CheckedText` for what it raises."""
    return io.BufferedReader(CheckedText(raw, where), buffer_size=BLOCK_BYTES)


def line_blocks(raw: IO[bytes], where: str, limit: int) -> Iterator[tuple[int, list[bytes]]]:
    """Yield (number of the first line, lines without their end) for one block of the file after the other.

    Memory is bounded by one block plus one line of `limit` bytes.

    Raises:
        UserError: a line is longer than `limit` bytes, or the text is not clean (see `CheckedText`).
    """
    stream = CheckedText(raw, where)
    number, rest = 1, b""
    while block := stream.read(BLOCK_BYTES):
        *lines, rest = (rest + block).split(b"\n")
        too_long = next((index for index, line in enumerate(lines) if len(line) > limit), None)
        if too_long is None and len(rest) > limit:
            too_long = len(lines)
        if too_long is not None:
            raise UserError(longer_than(f"{where}: line {number + too_long:,}", limit))
        if lines:
            yield number, lines
            number += len(lines)
    if rest:
        yield number, [rest]


def whole_text(raw: IO[bytes], where: str, limit: int) -> str:
    """All text of a file, without its byte order mark.

    Raises:
        UserError: it is longer than `limit` bytes, or not clean (see `CheckedText`).
    """
    with checked(raw, where) as stream:
        content = stream.read(limit + 1)
        if len(content) > limit:
            raise UserError(longer_than(where, limit))
    return content.decode("utf-8")


def longer_than(place: str, limit: int) -> str:
    """The message for a record above the limit."""
    return (
        f"{place}: longer than {limit:,} bytes; expected a record within ingest.max_record_bytes. Split the "
        "record, set `lines: true` where each line of a text file is a document, or raise the limit."
    )
