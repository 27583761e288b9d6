"""Read members of zip and tar archives in place: nothing reaches the disk, nothing grows without bound."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from textmill.errors import UserError

NESTED = "!/"
"""Separates an archive inside an archive from the member wanted: ``data/inner.tar.gz!/folder/file.txt``."""

MEMBER_LIMIT = 1 << 30
"""Bytes one member may hold once decompressed; a larger one is taken for a decompression bomb."""

NAMES_LIMIT = 200_000
"""Members an archive may list."""

_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError)


def member_names(archive: str | Path) -> list[str]:
    """The regular files of a zip, wheel or tar archive, sorted. Directories, links and devices are left out.

    `archive` may name an archive inside the archive: ``outer.tar.gz!/inner.tar.gz``.

    Raises:
        UserError: the archive is missing or damaged, lists too many members, or one whose name leaves the
            archive.
    """
    with _opened(archive) as (outer, label):
        names = []
        for name, _, regular in _entries(outer, label):
            if regular:
                names.append(name)
    return sorted(names)


def open_member(archive: str | Path, member: str, limit: int = MEMBER_LIMIT) -> IO[bytes]:
    """Open one regular file of a zip, wheel or tar archive for reading (bytes, decompressed).

    Args:
        archive: the file on disk.
        member: its name as `member_names` gives it; ``inner.tar.gz!/name`` reaches into a nested archive.
        limit: bytes that may come out of it.

    Raises:
        UserError: no such member, the archive is damaged, or the member exceeds `limit`. Damage and excess
            that the archive's directory does not show are raised while reading.
    """
    if not str(member) or str(member).endswith(NESTED):
        raise UserError(f"{archive}: expected the name of a member, found {member!r}.")
    path = f"{archive}{NESTED}{member}"
    folder, name = path.rsplit(NESTED, 1)
    stack = ExitStack()
    try:
        outer, label = stack.enter_context(_opened(folder))
        stream = stack.enter_context(_stream(outer, name, label, limit))
        return io.BufferedReader(_Bounded(stream, f"{label}: {name}", limit, stack), buffer_size=1 << 18)
    except BaseException:
        stack.close()
        raise


class _Bounded(io.RawIOBase):
    """A raw stream that refuses to yield more than `limit` bytes and names the member when it is damaged."""

    def __init__(self, stream: IO[bytes], label: str, limit: int, stack: ExitStack):
        self._stream, self._label, self._limit, self._stack = stream, label, limit, stack
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._stream.read(len(buffer))
        except (*_DAMAGED, OSError) as error:
            raise UserError(
                f"{self._label}: damaged ({_reason(error)}); expected an intact archive."
            ) from error
        self._read += len(chunk)
        if self._read > self._limit:
            raise UserError(_too_large(self._label, self._limit))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._stack.close()
        super().close()


Archive = zipfile.ZipFile | tarfile.TarFile


@contextmanager
def _opened(archive: str | Path) -> Iterator[tuple[Archive, str]]:
    """Open the archive that `archive` names, following ``!/`` into nested ones."""
    first, *inner = str(archive).split(NESTED)
    label = Path(first).name
    with ExitStack() as stack:
        try:
            file: IO[bytes] = stack.enter_context(Path(first).open("rb"))
        except OSError as error:
            raise UserError(f"{first}: cannot be opened ({error.strerror}); expected an archive.") from None
        current: Archive = _archive(file, label)
        stack.callback(current.close)
        for name in inner:
            with _stream(current, name, label, MEMBER_LIMIT) as stream:
                content = io.BytesIO(
                    _Bounded(stream, f"{label}: {name}", MEMBER_LIMIT, ExitStack()).readall() or b""
                )
            label = f"{label}{NESTED}{name}"
            current = _archive(content, label)
            stack.callback(current.close)
        yield current, label


def _archive(file: IO[bytes], label: str) -> Archive:
    try:
        if zipfile.is_zipfile(file):
            file.seek(0)
            return zipfile.ZipFile(file)
        file.seek(0)
        return tarfile.open(fileobj=file, mode="r:*")
    except (*_DAMAGED, OSError) as error:
        raise UserError(f"{label}: expected a zip, wheel or tar archive, but {_reason(error)}.") from error


def _entries(archive: Archive, label: str) -> Iterator[tuple[str, int, bool]]:
    """Name, size and whether it is a regular file, of each member."""
    try:
        if isinstance(archive, zipfile.ZipFile):
            entries = [(entry.filename, entry.file_size, not entry.is_dir()) for entry in archive.infolist()]
        else:
            entries = [(entry.name, entry.size, entry.isreg()) for entry in archive]
    except (*_DAMAGED, OSError) as error:
        raise UserError(f"{label}: damaged ({_reason(error)}); expected an intact archive.") from error
    if len(entries) > NAMES_LIMIT:
        raise UserError(f"{label}: lists {len(entries):,} members; expected at most {NAMES_LIMIT:,}.")
    for name, size, regular in entries:
        if points_outside(name):
            raise UserError(f"{label}: member {name!r} points outside the archive; refused.")
        yield name, size, regular


def points_outside(name: str) -> bool:
    """Whether a member's name leaves the archive: absolute, with a drive, backslashes or ``..``."""
    parts = PurePosixPath(name).parts
    return name.startswith("/") or ".." in parts or "\\" in name or bool(parts and parts[0].endswith(":"))


@contextmanager
def _stream(archive: Archive, name: str, label: str, limit: int) -> Iterator[IO[bytes]]:
    sizes = {entry: size for entry, size, regular in _entries(archive, label) if regular}
    if name not in sizes:
        raise UserError(f"{label}: no file {name!r} in this archive, which holds {_some(sorted(sizes))}.")
    if sizes[name] > limit:
        raise UserError(_too_large(f"{label}: {name}", limit))
    try:
        stream = archive.open(name) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(name)
    except (*_DAMAGED, OSError, RuntimeError) as error:
        raise UserError(f"{label}: {name}: cannot be read ({_reason(error)}).") from error
    assert stream is not None
    with stream:
        yield stream


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4:,} more" if len(names) > 4 else shown or "nothing"


def _too_large(label: str, limit: int) -> str:
    return (
        f"{label}: larger than {limit:,} bytes once decompressed; refused as a possible decompression bomb."
    )


def _reason(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
