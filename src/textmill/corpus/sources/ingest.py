"""Read all sources into document shards, a manifest, and lists of the files and of what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from textmill.config.ingest import AnySource, Docstrings, Files, HuggingFace, Ingest, Pypi
from textmill.corpus.shards import DOCUMENT, ShardWriter, write_table
from textmill.corpus.sources import docstrings, files, huggingface, packages, url
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.documents import Documents, document_id
from textmill.corpus.sources.faults import UNREADABLE, Faults, unreadable_rows
from textmill.corpus.sources.reading import Reader, Tally
from textmill.corpus.sources.records import Feed, Piece
from textmill.errors import UserError
from textmill.files import replacing_directory, write_json

FILES = pa.schema(
    [
        ("source", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("records", pa.int64()),
        ("documents", pa.int64()),
        ("unreadable", pa.int64()),
    ]
)
"""What was read: a row for each file, archive, package or dataset; `bytes` and `sha256` are those of the file
as it lies, null where they are not known; `unreadable` counts its rows in unreadable.parquet."""

Advance = Callable[[int, str], None]


def ingest(
    settings: Ingest, target: Path, advance: Advance | None = None, cache: Cache | None = None
) -> dict[str, Any]:
    """Read every source, in the order of their names, into the directory `target`.

    The directory is complete or absent: a source that fails leaves what was there before. Shards end with
    their source, so that new text in one leaves the shards of those before it as they are.

    Args:
        settings: the sources and what holds for all of them.
        target: receives ``part-*.parquet`` of schema `DOCUMENT`, ``manifest.json``, ``files.parquet`` of
            schema `FILES` and ``unreadable.parquet`` of schema `UNREADABLE`.
        advance: called with the number of documents of each batch and the source's name.
        cache: what was read of files before; changes nothing that is written.

    Returns:
        The manifest: per source kind, license, language hint, counts, and where the text came from.

    Raises:
        UserError: a source cannot be read as declared; the message names the source, and the file and row.
    """
    manifest: dict[str, Any] = {"sources": {}}
    found = _Found()
    with replacing_directory(target) as folder, ShardWriter(folder, DOCUMENT) as writer:
        for name, source in sorted(settings.sources.items()):
            try:
                manifest["sources"][name] = _read(name, source, settings, writer, found, advance, cache)
            except UserError as error:
                prefix = f"ingest.sources.{name}"
                raise error if str(error).startswith(prefix) else UserError(f"{prefix}: {error}") from error
            writer.flush()
        for count in ("documents", "characters", "bytes", "unreadable"):
            manifest[count] = sum(entry[count] for entry in manifest["sources"].values())
        write_table(folder / "files.parquet", pa.Table.from_pylist(found.files, FILES))
        write_table(
            folder / "unreadable.parquet", pa.concat_tables([UNREADABLE.empty_table(), *found.unreadable])
        )
        write_json(folder / "manifest.json", manifest)
    if cache is not None:
        cache.prune()
    return manifest


@dataclass
class _Found:
    """Rows of files.parquet and unreadable.parquet."""

    files: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[pa.Table] = field(default_factory=list)


def _read(
    name: str, source: AnySource, settings: Ingest, writer: ShardWriter, found: _Found,
    advance: Advance | None, cache: Cache | None,
) -> dict[str, Any]:  # fmt: skip
    """Read one source and return its entry in the manifest."""
    strict = (source.on_error or settings.on_error) == "fail"
    feed = opened(source, settings)
    reader = Reader(source, settings.max_record_bytes, strict, cache)
    made = Documents(name, source, reader, feed)
    broken, earlier = 0, len(found.unreadable)
    for piece in feed.pieces:
        faults = Faults(strict)
        before = made.counts.documents
        tally = _read_piece(piece, made, faults, writer, advance)
        documents = made.counts.documents - before
        made.counts.unreadable += sum(fault.records for fault in faults.rows)
        broken += any(fault.whole for fault in faults.rows) and not documents
        found.files.append(
            {
                "source": name,
                "path": piece.label,
                **{key: tally.facts.get(key) for key in ("bytes", "sha256")},
                "records": tally.records,
                "documents": documents,
                "unreadable": len(faults.rows),
            }
        )
        if faults.rows:
            ids = [document_id(name, fault.key) for fault in faults.rows]
            found.unreadable.append(unreadable_rows(faults.rows, ids, name, source.lang))
        if made.complete:
            break
    _check_share(made, settings, broken, len(feed.pieces), found.unreadable[earlier:])
    return {
        "kind": source.kind,
        "license": source.license,
        "lang": source.lang,
        **feed.facts,
        **vars(made.counts),
    }


def _read_piece(
    piece: Piece, made: Documents, faults: Faults, writer: ShardWriter, advance: Advance | None
) -> Tally:
    tally = Tally()
    with closing(made.reader.read(piece, faults, tally)) as batches:
        for records in batches:
            batch = made.of(records)
            writer.write(batch)
            if advance:
                advance(batch.num_rows, made.name)
            if made.complete:
                break
    made.counts.records += tally.records
    made.counts.skipped["empty"] += tally.empty
    return tally


def _check_share(
    made: Documents, settings: Ingest, broken: int, pieces: int, unreadable: list[pa.Table]
) -> None:
    """Refuse a source without a document, or of which too much cannot be read."""
    name, source, counts = made.name, made.source, made.counts
    lost = counts.unreadable
    first = ""
    if unreadable:
        row = unreadable[0].slice(0, 1).to_pylist()[0]
        first = f" The first of them: {row['place']}: {row['reason']}; expected {row['expected']}."
    if not counts.documents:
        unread = f", {lost:,} unreadable" if lost else ""
        raise UserError(
            f"ingest.sources.{name}: no usable record among {counts.records:,} "
            f"({counts.skipped['empty']:,} without text{unread}); expected at least one.{first}"
        )
    limit = settings.max_unreadable if source.max_unreadable is None else source.max_unreadable
    # A record is counted once, but each of its passages may have been refused.
    total = max(counts.records, counts.documents + lost)
    share, files = lost / total, broken / max(pieces, 1)
    if max(share, files) > limit:
        what = f"{lost:,} of {total:,} records" if share > limit else f"{broken:,} of {pieces:,} files"
        raise UserError(
            f"ingest.sources.{name}: {what} cannot be read ({max(share, files):.1%}); expected at most "
            f"{limit:.1%} (max_unreadable).{first}"
        )


def opened(source: AnySource, settings: Ingest) -> Feed:
    """The records of a source of any kind.

    Raises:
        UserError: the source cannot be opened.
    """
    if isinstance(source, Files):
        return files.feed(source, settings)
    if isinstance(source, Pypi):
        return packages.feed(source, settings)
    if isinstance(source, HuggingFace):
        return huggingface.feed(source, settings)
    if isinstance(source, Docstrings):
        return docstrings.feed(source)
    return url.feed(source, settings)
