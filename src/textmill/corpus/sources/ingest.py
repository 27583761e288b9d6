"""Read all sources into document shards and a manifest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textmill.config.ingest import AnySource, Docstrings, Files, HuggingFace, Ingest, Pypi
from textmill.corpus.shards import DOCUMENT, ShardWriter
from textmill.corpus.sources import docstrings, files, huggingface, packages, url
from textmill.corpus.sources.documents import Counts, documents
from textmill.corpus.sources.records import Feed
from textmill.errors import UserError
from textmill.files import replacing_directory, write_json


def ingest(
    settings: Ingest, target: Path, advance: Callable[[int, str], None] | None = None
) -> dict[str, Any]:
    """Read every source, in the order of their names, into the directory `target`.

    The directory is complete or absent: a source that fails leaves what was there before.

    Args:
        settings: the sources and what holds for all of them.
        target: receives ``part-*.parquet`` of schema `DOCUMENT` and ``manifest.json``.
        advance: called with the number of documents of each batch and the source's name.

    Returns:
        The manifest: per source kind, license, language hint, counts, and where the text came from.

    Raises:
        UserError: a source cannot be read as declared; the message names the source, and the file and row.
    """
    manifest: dict[str, Any] = {"sources": {}}
    with replacing_directory(target) as folder, ShardWriter(folder, DOCUMENT) as writer:
        for name, source in sorted(settings.sources.items()):
            try:
                feed = opened(source, settings)
                counts = Counts()
                for batch in documents(name, source, feed, settings.max_record_bytes, counts):
                    writer.write(batch)
                    if advance:
                        advance(batch.num_rows, name)
            except UserError as error:
                prefix = f"ingest.sources.{name}"
                raise error if str(error).startswith(prefix) else UserError(f"{prefix}: {error}") from error
            manifest["sources"][name] = {
                "kind": source.kind,
                "license": source.license,
                "lang": source.lang,
                **feed.facts,
                **vars(counts),
            }
        manifest["documents"] = sum(entry["documents"] for entry in manifest["sources"].values())
        manifest["characters"] = sum(entry["characters"] for entry in manifest["sources"].values())
        manifest["bytes"] = sum(entry["bytes"] for entry in manifest["sources"].values())
        writer.flush()
        write_json(folder / "manifest.json", manifest)
    return manifest


def opened(source: AnySource, settings: Ingest) -> Feed:
    """The records of a source of any kind.

    Raises:
        UserError: the source cannot be opened.
    """
    local, limit = Path(settings.local), settings.max_record_bytes
    if isinstance(source, Files):
        return files.feed(source, local, limit)
    if isinstance(source, Pypi):
        return packages.feed(source, limit)
    if isinstance(source, HuggingFace):
        return huggingface.feed(source, local)
    if isinstance(source, Docstrings):
        return docstrings.feed(source)
    return url.feed(source, limit)
