"""Turn a source's records into documents: checked, counted, split, limited, with an id each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from textmill.config.ingest import Source
from textmill.corpus.shards import DOCUMENT
from textmill.corpus.sources.passages import passages
from textmill.corpus.sources.records import Feed, Records
from textmill.corpus.sources.streams import longer_than
from textmill.errors import UserError


@dataclass
class Counts:
    """What became of a source's records."""

    records: int = 0
    documents: int = 0
    characters: int = 0
    bytes: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: {"empty": 0, "repeated": 0})


def document_id(source: str, key: str) -> str:
    """The id of a document: 32 hex digits, xxh3_128 of source name, NUL and record key in UTF-8."""
    return xxhash.xxh3_128_hexdigest(f"{source}\0{key}".encode())


def documents(name: str, source: Source, feed: Feed, limit: int, counts: Counts) -> Iterator[pa.RecordBatch]:
    """Yield batches of schema `DOCUMENT` and count into `counts`.

    Memory: one batch, 8 bytes for each document, and with `unique` about 100 for each distinct text.

    Args:
        name: of the source.
        source: its declaration.
        feed: its records.
        limit: longest record in bytes of UTF-8.
        counts: updated as batches are yielded.

    Raises:
        UserError: a record is too long or holds a NUL, two records have one key, or no record is usable.
    """
    seen: set[bytes] = set()
    prefixes: list[np.ndarray] = []
    for records in feed.records():
        _check(records, limit)
        counts.records += len(records.keys)
        records = _usable(records, source.unique, seen, counts)
        if source.passage_chars:
            records = passages(records, source.passage_chars)
        if source.limit:
            records = _part(records, source.limit - counts.documents)
        if len(records.keys):
            batch = _batch(name, source, records)
            prefixes.append(_prefixes(batch.column("id")))
            _count(batch, counts)
            yield batch
        if source.limit and counts.documents >= source.limit:
            break
    if not counts.documents:
        raise UserError(
            f"ingest.sources.{name}: no usable record among {counts.records:,} ({counts.skipped['empty']:,} "
            "without text); expected at least one."
        )
    _refuse_repeated_keys(name, source, feed, prefixes)


def _check(records: Records, limit: int) -> None:
    texts = records.texts
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest > limit:
        index = pc.index(pc.greater(pc.binary_length(texts), limit), True).as_py()
        raise UserError(longer_than(records.places(index), limit))
    nul = pc.match_substring(texts, "\0")
    if pc.any(nul).as_py():
        raise UserError(
            f"{records.places(pc.index(nul, True).as_py())}: the text holds a NUL character; expected text."
        )


def _usable(records: Records, unique: bool, seen: set[bytes], counts: Counts) -> Records:
    filled = pc.fill_null(pc.match_substring_regex(records.texts, r"[^\s\p{Z}]"), False)
    kept = filled.to_numpy(zero_copy_only=False)
    counts.skipped["empty"] += int(len(kept) - kept.sum())
    if unique:
        fresh = kept.copy()
        for index in np.flatnonzero(kept):
            digest = xxhash.xxh3_128_digest(records.texts[int(index)].as_py().encode())
            fresh[index] = digest not in seen
            seen.add(digest)
        counts.skipped["repeated"] += int(kept.sum() - fresh.sum())
        kept = fresh
    return records if kept.all() else _taken(records, np.flatnonzero(kept))


def _taken(records: Records, indices: np.ndarray) -> Records:
    chosen = pa.array(indices)
    places = records.places
    return Records(
        records.keys.take(chosen),
        records.texts.take(chosen),
        records.meta.take(chosen),
        lambda index: places(int(indices[index])),
    )


def _part(records: Records, count: int) -> Records:
    if len(records.keys) <= count:
        return records
    return _taken(records, np.arange(count))


def _batch(name: str, source: Source, records: Records) -> pa.RecordBatch:
    count = len(records.keys)
    ids = [document_id(name, key) for key in records.keys.to_pylist()]
    columns = [
        pa.array(ids, pa.string()),
        records.texts,
        pa.repeat(pa.scalar(name), count),
        pa.repeat(pa.scalar(source.license), count),
        pa.repeat(pa.scalar(source.lang), count),
        records.meta,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)


def _count(batch: pa.RecordBatch, counts: Counts) -> None:
    texts = batch.column("text")
    counts.documents += batch.num_rows
    counts.characters += pc.sum(pc.utf8_length(texts)).as_py()
    counts.bytes += pc.sum(pc.binary_length(texts)).as_py()


def _prefixes(ids: pa.Array) -> np.ndarray:
    """The first 64 bits of each id."""
    return np.array([int(value[:16], 16) for value in ids.to_pylist()], np.uint64)


def _refuse_repeated_keys(name: str, source: Source, feed: Feed, prefixes: list[np.ndarray]) -> None:
    """Raise if two documents share an id. 64 bits per id find the suspects; a second reading names them."""
    ordered = np.sort(np.concatenate(prefixes))
    suspects = {int(value) for value in ordered[1:][ordered[1:] == ordered[:-1]]}
    if not suspects:
        return
    first: dict[str, str] = {}
    for records in feed.records():
        if source.passage_chars:
            records = passages(_usable(records, False, set(), Counts()), source.passage_chars)
        for index, key in enumerate(records.keys.to_pylist()):
            identity = document_id(name, key)
            if int(identity[:16], 16) not in suspects:
                continue
            if identity in first:
                raise UserError(
                    f"{records.places(index)}: the key {json.dumps(key, ensure_ascii=False)} is already that "
                    f"of {first[identity]}; expected a key of its own for each record of "
                    f"ingest.sources.{name}."
                )
            first[identity] = records.places(index)
