"""The files inside zip and tar archives, one after the other, in bounded memory and one pass."""

from __future__ import annotations

import fnmatch
import io
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

from textmill.config.ingest import Archives
from textmill.corpus.archives import NAMES_LIMIT, NESTED, points_outside
from textmill.corpus.sources.compression import UNSUSPICIOUS, Stream, reason_of, refused
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.records import Origin
from textmill.errors import UserError

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".whl")
"""Endings of archives."""

SPOOL_BYTES = 64 << 20
"""Bytes of a nested or streamed file that are held in memory before a temporary file takes over."""

_MAGIC = {b"\x1f\x8b": ".gz", b"BZh": ".bz2", b"\xfd7zXZ": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}
_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
)


def is_archive(name: str) -> bool:
    """Whether a file's name is that of an archive."""
    return name.lower().endswith(ARCHIVES)


@dataclass(frozen=True)
class Member:
    """A file inside an archive, open for reading: its bytes, and the archive's and its own name as origin."""

    raw: IO[bytes]
    name: str
    origin: Origin


def seekable(raw: IO[bytes]) -> IO[bytes]:
    """`raw`, or a copy of its bytes where it cannot seek."""
    if raw.seekable():
        # Readers that seek expect all bytes that they ask for at once.
        return io.BufferedReader(raw, 1 << 18) if isinstance(raw, io.RawIOBase) else raw
    copy = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115 - it lives as long as its reader
    shutil.copyfileobj(raw, copy, 1 << 20)
    copy.seek(0)
    return cast(IO[bytes], copy)


class Walk:
    """Goes through an archive once.

    A member whose name leaves the archive, that is larger than allowed or grows like a decompression bomb, is
    encrypted or damaged is refused; the others are yielded. A zip gives them sorted by name, a tar in its own
    order.

    Args:
        limits: what members may be.
        patterns: names or globs (`*` crosses folders); ``inner.tar.gz!/*.txt`` reaches into another archive.
    """

    def __init__(self, limits: Archives, patterns: Sequence[str]):
        self._limits, self._patterns = limits, list(patterns)
        self._matched: set[str] = set()
        self._names = 0

    def members(self, raw: IO[bytes], origin: Origin, prefix: str) -> Iterator[Member]:
        """Yield the files of the archive `raw` that a pattern matches; their labels begin with `prefix`.

        Raises:
            Unreadable: it is no archive, or damaged in a way that hides what follows.
            UserError: a pattern matches nothing.
        """
        yield from self._walk(raw, origin, prefix, [(pattern, pattern) for pattern in self._patterns])
        idle = [pattern for pattern in self._patterns if pattern not in self._matched]
        if idle and not origin.faults.rows:
            raise UserError(f"{origin.where}: none of its {self._names:,} files matches {idle[0]}.")

    def _walk(
        self, raw: IO[bytes], origin: Origin, prefix: str, patterns: list[tuple[str, str]]
    ) -> Iterator[Member]:
        """As `members`; of each pair the first is what is left of the pattern, the second the whole."""
        wanted = {left.partition(NESTED)[0] for left, _ in patterns}
        for member in self._files(raw, origin, prefix, wanted):
            inside = []
            chosen = False
            for left, pattern in patterns:
                head, nested, tail = left.partition(NESTED)
                if fnmatch.fnmatchcase(member.name, head):
                    if nested:
                        inside.append((tail, pattern))
                    else:
                        chosen = True
                        self._matched.add(pattern)
            if inside:
                try:
                    yield from self._walk(member.raw, member.origin, f"{member.origin.label}{NESTED}", inside)
                except Unreadable as error:
                    _refuse(member.origin, error)
            elif chosen:
                self._names += 1
                yield member

    def _files(self, raw: IO[bytes], origin: Origin, prefix: str, wanted: set[str]) -> Iterator[Member]:
        buffered = raw if hasattr(raw, "peek") else io.BufferedReader(cast(Any, raw), 1 << 18)
        head = cast(Any, buffered).peek(8)[:8]
        if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            yield from self._of_zip(seekable(buffered), origin, prefix, wanted)
            return
        ending = next((ending for magic, ending in _MAGIC.items() if head.startswith(magic)), "")
        if buffered.seekable():
            buffered.seek(0)
        stream = Stream(buffered, f"archive{ending}", origin.where, self._limits.max_ratio)
        yield from self._of_tar(io.BufferedReader(stream, 1 << 18), origin, prefix, wanted)

    def _of_zip(self, raw: IO[bytes], origin: Origin, prefix: str, wanted: set[str]) -> Iterator[Member]:
        try:
            raw.seek(0)
            archive = zipfile.ZipFile(raw)
        except _DAMAGED as error:
            raise refused(error, origin.where, "damaged", "an intact zip archive") from error
        entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
        if len(entries) > NAMES_LIMIT:
            raise Unreadable(origin.where, "", f"lists {len(entries):,} members", f"at most {NAMES_LIMIT:,}")
        for entry in entries:
            if entry.is_dir() or not self._wanted(entry.filename, wanted, origin):
                continue
            inside = _inside(origin, prefix, entry.filename)
            ratio = entry.file_size / max(entry.compress_size, 1)
            if entry.file_size > UNSUSPICIOUS and ratio > self._limits.max_ratio:
                inside.refuse(
                    "",
                    f"unpacks to {ratio:,.0f} times its size, a decompression bomb",
                    "a member within ingest.archives.max_ratio",
                )
            elif self._small_enough(entry.file_size, inside):
                try:
                    stream = archive.open(entry)
                except _DAMAGED as error:
                    _refuse(inside, refused(error, inside.where, "cannot be read", "a readable member"))
                    continue
                with stream:
                    yield self._member(stream, entry.filename, inside)

    def _of_tar(self, raw: IO[bytes], origin: Origin, prefix: str, wanted: set[str]) -> Iterator[Member]:
        try:
            with tarfile.open(fileobj=raw, mode="r|", tarinfo=_StrictTarInfo) as archive:
                while (entry := archive.next()) is not None:
                    # What is behind is not needed again: memory stays that of one entry.
                    archive.members = []  # type: ignore[attr-defined]
                    if not entry.isreg() or not self._wanted(entry.name, wanted, origin):
                        continue
                    inside = _inside(origin, prefix, entry.name)
                    if self._small_enough(entry.size, inside):
                        stream = archive.extractfile(entry)
                        assert stream is not None
                        yield self._member(stream, entry.name, inside)
        except UserError:
            raise
        except _DAMAGED as error:
            found = f"damaged or no archive after {self._names:,} files"
            raise refused(error, origin.where, found, "an intact zip, wheel or tar archive") from error

    def _wanted(self, name: str, wanted: set[str], origin: Origin) -> bool:
        """Whether a member is to be read; one whose name leaves the archive is refused."""
        if points_outside(name):
            origin.refuse(
                f"member {name!r}", "its name points outside the archive", "a name inside", record=None
            )
            return False
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted):
            return True
        self._names += 1
        return False

    def _small_enough(self, size: int, origin: Origin) -> bool:
        limit = self._limits.max_member_bytes
        if size > limit:
            origin.refuse(
                "", f"holds {size:,} bytes", f"at most {limit:,} (ingest.archives.max_member_bytes)"
            )
        return size <= limit

    def _member(self, stream: IO[bytes], name: str, origin: Origin) -> Member:
        return Member(cast(IO[bytes], _Translated(stream, origin.where)), name, origin)


class _Translated(io.RawIOBase):
    """A member's bytes; damage is told with the member's name."""

    def __init__(self, stream: IO[bytes], where: str):
        self._read: Any = getattr(stream, "read1", stream.read)
        self._where, self._bytes = where, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._read(len(buffer))
        except UserError as error:
            raise (
                error
                if not isinstance(error, Unreadable)
                else Unreadable(self._where, "", error.found, error.expected)
            ) from error
        except _DAMAGED as error:
            found = f"damaged after {self._bytes:,} bytes"
            raise refused(error, self._where, found, "an intact archive") from error
        self._bytes += len(block)
        buffer[: len(block)] = block
        return len(block)


class _StrictTarInfo(tarfile.TarInfo):
    """An entry of a tar archive. tarfile takes a damaged header, or a missing end mark, for the end."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _StrictTarInfo:
        try:
            return super().fromtarfile(archive)  # type: ignore[return-value]
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{reason_of(error)} at byte {archive.offset:,}") from error


def _inside(origin: Origin, prefix: str, name: str) -> Origin:
    return Origin(f"{prefix}{name}", f"{origin.where}: {name}", origin.faults)


def _refuse(origin: Origin, error: UserError) -> None:
    if not isinstance(error, Unreadable):
        raise error
    origin.faults.refuse(origin.label, error)
