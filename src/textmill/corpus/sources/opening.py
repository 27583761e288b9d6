"""Pieces of sources that consist of files and archives, whatever opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from textmill.config.ingest import Archives
from textmill.corpus.archives import NESTED
from textmill.corpus.sources.compression import Stream, packed
from textmill.corpus.sources.faults import Faults, Unreadable
from textmill.corpus.sources.formats import read
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.members import Walk
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import BATCH_BYTES, BATCH_RECORDS, Origin, Records, joined

Opener = Callable[[], IO[bytes]]


def opened(raw: IO[bytes], name: str, origin: Origin, ratio: float, path: Path | None = None) -> Opened:
    """A file that is decompressed as `name` says; `path` says where it lies, if on this machine."""
    stream = cast(IO[bytes], Stream(raw, name, origin.where, ratio))
    return Opened(origin.label, origin.where, origin.faults, stream, path=None if packed(name) else path)


def file_records(
    opener: Opener, label: str, where: str, layout: Layout, limits: Archives, path: Path | None = None
) -> Callable[[Faults], Iterator[Records]]:
    """What a piece that is one file reads; a part of it that cannot be read is refused.

    Args:
        opener: opens the file as it lies.
        label: its name as it enters keys and meta.
        where: its name for messages.
        layout: where the records are.
        limits: what compressed files may unpack to.
        path: where it lies, if on this machine.
    """

    def records(faults: Faults) -> Iterator[Records]:
        origin = Origin(label, where, faults)
        with opener() as raw:
            yield from _readable(opened(raw, label, origin, limits.max_ratio, path), layout)

    return records


def archive_records(
    opener: Opener, origin: Callable[[Faults], Origin], prefix: str, patterns: Sequence[str], layout: Layout,
    limits: Archives,
) -> Callable[[Faults], Iterator[Records]]:  # fmt: skip
    """What a piece that is an archive reads: the members that match, each as its name says.

    Args:
        opener: opens the archive as it lies.
        origin: its names.
        prefix: what the labels of members begin with.
        patterns: of members; see `Walk`.
        layout: where in the members the records are.
        limits: what members may be.
    """

    def records(faults: Faults) -> Iterator[Records]:
        with opener() as raw:
            archive = origin(faults)
            waiting = Waiting(archive)
            try:
                for member in Walk(limits, patterns).members(raw, archive, prefix):
                    file = opened(member.raw, member.name, member.origin, limits.max_ratio)
                    for part in _readable(file, layout):
                        yield from waiting.add(part)
            except Unreadable as error:
                faults.refuse(archive.label, error)
            yield from waiting.rest()

    return records


class Waiting:
    """Joins the records of small members, so that what comes after works on batches worth its while."""

    def __init__(self, archive: Origin):
        self._archive = archive
        self._parts: list[Records] = []
        self._rows = self._bytes = 0

    def add(self, records: Records) -> Iterator[Records]:
        """Take a batch; yields what waits once it is enough."""
        self._parts.append(records)
        self._rows += len(records)
        self._bytes += records.texts.nbytes
        if self._rows >= BATCH_RECORDS or self._bytes >= BATCH_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[Records]:
        """Yields what waits."""
        if self._parts:
            parts, self._parts, self._rows, self._bytes = self._parts, [], 0, 0
            yield joined(parts, self._archive)


def _readable(file: Opened, layout: Layout) -> Iterator[Records]:
    try:
        yield from read(file, layout)
    except Unreadable as error:
        file.faults.refuse(file.label, error)


def options(layout: Layout, limits: Archives, patterns: Sequence[str] = ()) -> dict[str, Any]:
    """What the records of a file depend on beside its content."""
    talk = layout.conversation.model_dump() if layout.conversation else None
    return {
        "layout": asdict(layout) | {"conversation": talk},
        "limits": limits.model_dump(),
        "members": list(patterns),
    }


def members_by_archive(names: Sequence[str], is_archive: Callable[[str], bool]) -> dict[str, list[str]]:
    """The member patterns by file name or pattern; a plain file has none, a whole archive has ``*``."""
    found: dict[str, list[str]] = {}
    for name in names:
        file, nested, member = name.partition(NESTED)
        patterns = found.setdefault(file, [])
        if nested or is_archive(file):
            patterns.append(member or "*")
    return found
