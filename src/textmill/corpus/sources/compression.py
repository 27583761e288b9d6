"""Files as streams of decompressed bytes: damage is told, and what decompresses without end is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO, Any, cast

from textmill.corpus.sources.faults import Unreadable
from textmill.errors import UserError

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
"""Endings that say a file is compressed; the format is told by the ending before."""

RATIO = 200
"""Bytes that may come out of one compressed byte, by default."""

UNSUSPICIOUS = 64 << 20
"""Bytes that may come out whatever the ratio: short texts of one character are no attack."""

_ZSTD_INPUT = 4096
"""Compressed bytes given to zstd at a time: each may bring forth 32 kB, all at once."""


def damage() -> tuple[type[BaseException], ...]:
    """The exceptions that reading a damaged compressed or columnar file raises."""
    import pyarrow as pa
    import zstandard

    return (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, pa.ArrowInvalid, ValueError)


def reason_of(error: BaseException) -> str:
    """The first line of an exception's message, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def refused(error: BaseException, where: str, found: str, expected: str) -> UserError:
    """What to raise for an exception of `damage`: `Unreadable`, unless the disk or the store is to blame."""
    if isinstance(error, UserError):
        return error
    network = type(error).__module__.partition(".")[0] in ("aiohttp", "httpx", "huggingface_hub", "requests")
    if network or isinstance(error, ConnectionError | TimeoutError) or getattr(error, "errno", None):
        return UserError(f"{where}: cannot be read ({reason_of(error)}).")
    return Unreadable(where, "", f"{found} ({reason_of(error)})", expected)


class Stream(io.RawIOBase):
    """The bytes of `raw`, decompressed as `name` says.

    Every byte before damage is yielded before the damage is raised, also where the next is asked for together
    with it.

    Args:
        raw: a binary file; closed with the stream.
        name: its ending says whether and how it is compressed.
        where: the file's name for messages.
        ratio: bytes that may come out of one compressed byte.

    Raises:
        Unreadable: while reading, that the file is damaged or grows like a decompression bomb.
        UserError: while reading, that the disk or store fails.
    """

    def __init__(self, raw: IO[bytes], name: str, where: str, ratio: float = RATIO):
        self.where = where
        self._raw, self._ratio = Counted(raw), ratio
        ending = PurePosixPath(name).suffix.lower()
        opener = _OPENERS.get(ending)
        self._packed = opener is not None
        self._stream: Any = opener(cast(IO[bytes], self._raw)) if opener else raw
        self._read: Callable[[int], bytes] = getattr(self._stream, "read1", self._stream.read)
        self._bytes = 0
        self._damage = damage()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        """Whether it may be read in any order: it is not compressed, and `raw` can."""
        return not self._packed and bool(self._stream.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._read(len(buffer))
        except self._damage as error:
            found = f"damaged after {self._bytes:,} bytes"
            raise refused(error, self.where, found, "an intact file") from error
        self._bytes += len(block)
        if self._packed and self._bytes > max(UNSUSPICIOUS, self._ratio * self._raw.count):
            raise Unreadable(
                self.where,
                "",
                f"more than {self._ratio:g} times as many bytes come out as went in, a decompression bomb",
                "a file within ingest.archives.max_ratio",
            )
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def packed(name: str) -> bool:
    """Whether a file's name says that it is compressed."""
    return PurePosixPath(name).suffix.lower() in COMPRESSED


class Counted(io.RawIOBase):
    """The bytes of a file, counted as they are read."""

    def __init__(self, raw: IO[bytes]):
        self._raw, self.count = raw, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._raw.read(len(buffer))
        self.count += len(block)
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _Zstd(io.RawIOBase):
    """Decompressed zstd frames; unlike zstandard's reader it notices that the last one was cut short."""

    def __init__(self, raw: IO[bytes]):
        import zstandard

        self._raw, self._decompressor = raw, zstandard.ZstdDecompressor()
        self._frame: Any = None
        self._input, self._output, self._at = b"", b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._at == len(self._output):
            if not self._advance():
                return 0
        part = self._output[self._at : self._at + len(buffer)]
        self._at += len(part)
        buffer[: len(part)] = part
        return len(part)

    def _advance(self) -> bool:
        """Decompress the next piece of input; False at the end."""
        data = self._input or self._raw.read(_ZSTD_INPUT)
        if not data:
            if self._frame is not None:
                raise EOFError("the compressed file ends in the middle of a frame")
            return False
        self._frame = self._frame or self._decompressor.decompressobj()
        self._output, self._at = self._frame.decompress(data), 0
        self._input = b""
        if self._frame.eof:
            self._input = self._frame.unused_data
            self._frame = None
        return True


def _gzip(raw: IO[bytes]) -> Any:
    return gzip.GzipFile(fileobj=raw)


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": _gzip,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _Zstd,
}
