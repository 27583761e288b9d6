"""Source kind `files`: local files and archives, by path or glob."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from textmill.config.ingest import Files, Ingest
from textmill.corpus.sources.compression import RATIO, reason_of
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.members import is_archive
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.opening import (
    archive_records,
    file_records,
    members_by_archive,
    opened,
    options,
)
from textmill.corpus.sources.records import Feed, Identity, Origin, Piece
from textmill.errors import UserError


def feed(source: Files, settings: Ingest) -> Feed:
    """Open the files of a source.

    Args:
        source: what to read.
        settings: the folder that its paths are relative to, and the limits.

    Raises:
        UserError: a path does not exist, leaves the folder, or a glob matches nothing.
    """
    local = Path(settings.local)
    layout = Layout.of(source, settings.max_record_bytes)
    members: dict[str, list[str]] = {}
    for pattern, inside in members_by_archive(source.paths, is_archive).items():
        for path in found([pattern], local):
            members.setdefault(path, []).extend(inside or ([] if not is_archive(path) else ["*"]))
    pieces = [local_piece(local / path, path, members[path], layout, settings) for path in sorted(members)]
    return Feed(pieces, {"files": len(pieces)})


def local_piece(path: Path, label: str, members: list[str], layout: Layout, settings: Ingest) -> Piece:
    """A file on this machine, or, with `members`, those of an archive that match."""
    limits = settings.archives
    opener = partial(open_local, path)
    if members:
        read = archive_records(
            opener, partial(Origin, label, str(path)), f"{label}!/", members, layout, limits
        )
    else:
        read = file_records(opener, label, str(path), layout, limits, path)
    return Piece(label, read, partial(identity_of, path), options(layout, limits, members))


def identity_of(path: Path) -> Identity:
    """The identity of a file's content: its sha256.

    Raises:
        UserError: it cannot be read.
    """
    with open_local(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        size = file.tell()
    return Identity(f"sha256:{digest}", {"bytes": size, "sha256": digest})


def open_local(path: Path) -> IO[bytes]:
    """Open a file for reading.

    Raises:
        UserError: it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be opened ({error.strerror or reason_of(error)}).") from error


@contextmanager
def local_file(local: Path, path: str) -> Iterator[Opened]:
    """Open one file below `local`, decompressed as its name says; bad content is raised at once.

    Raises:
        UserError: it cannot be opened.
    """
    with open_local(local / path) as raw:
        yield opened(raw, path, Origin(path, str(local / path)), RATIO, local / path)


def found(patterns: list[str], local: Path) -> list[str]:
    """The files that match, as sorted paths relative to `local`, each once.

    Raises:
        UserError: as `feed`.
    """
    paths: set[str] = set()
    for pattern in patterns:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise UserError(
                f"{pattern}: expected a path inside {local}. Move the files there or set ingest.local to "
                "their folder, so that a change of the files is noticed."
            )
        matches = [path for path in local.glob(pattern) if path.is_file()]
        if not matches:
            what = "no file matches" if any(sign in pattern for sign in "*?[") else "not found:"
            raise UserError(f"{local}: {what} {pattern}; expected at least one file there.")
        paths.update(path.relative_to(local).as_posix() for path in matches)
    return sorted(paths)
