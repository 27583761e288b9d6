"""Source kind `files`: local files, by path or glob."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import fsspec

from textmill.config.ingest import Files
from textmill.corpus.sources.formats import Opened, read
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.records import Feed, Records
from textmill.errors import UserError


def feed(source: Files, local: Path, limit: int) -> Feed:
    """Open the files of a source.

    Args:
        source: what to read.
        local: the folder that its paths are relative to.
        limit: longest record in bytes.

    Raises:
        UserError: a path does not exist, leaves the folder, or a glob matches nothing.
    """
    paths = found(source.paths, local)
    layout = Layout.of(source, limit)

    def records() -> Iterator[Records]:
        for path in paths:
            with decompressed(str(local / path)) as raw:
                yield from read(Opened(raw, path, str(local / path)), layout)

    return Feed(records, {"files": len(paths)})


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


def decompressed(url: str, where: str = "") -> IO[bytes]:
    """Open a path or URL for reading; the ending says whether and how it is compressed.

    Args:
        url: what fsspec opens.
        where: its name for messages, where `url` itself is not for everybody's eyes.

    Raises:
        UserError: it cannot be opened.
    """
    where = where or url
    try:
        return fsspec.open(url, "rb", compression="infer").open()
    except FileNotFoundError as error:
        raise UserError(f"{where}: cannot be opened (not found, or its server does not answer).") from error
    except (OSError, ValueError, ImportError) as error:
        reason = (str(error).splitlines() or [""])[0].replace(url, where) or type(error).__name__
        raise UserError(f"{where}: cannot be opened ({reason}).") from error
