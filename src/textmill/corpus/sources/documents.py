"""Turn a source's records into documents: each text and key once if asked for, limited, with an id each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from textmill.config.ingest import Source
from textmill.corpus.shards import DOCUMENT
from textmill.corpus.sources.faults import Faults
from textmill.corpus.sources.keys import SeenIds
from textmill.corpus.sources.reading import Reader, Tally
from textmill.corpus.sources.records import Feed, Records
from textmill.errors import UserError


@dataclass
class Counts:
    """What became of a source's records.

    `unreadable` counts the records that are known to be lost, `skipped` those left out on purpose.
    """

    records: int = 0
    documents: int = 0
    characters: int = 0
    bytes: int = 0
    unreadable: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: {"empty": 0, "repeated": 0})


def document_id(source: str, key: str) -> str:
    """The id of a document: 32 hex digits, xxh3_128 of source name, NUL and record key in UTF-8."""
    return xxhash.xxh3_128_hexdigest(f"{source}\0{key}".encode())


@dataclass
class Documents:
    """Makes documents of the records of one source, file after file.

    Memory: 16 bytes for each document, and with `unique` about 100 for each distinct text.

    Attributes:
        name: of the source.
        source: its declaration.
        reader, feed: read it a second time to name the first of two records with one key.
        counts: what became of the records so far.
    """

    name: str
    source: Source
    reader: Reader
    feed: Feed
    counts: Counts = field(default_factory=Counts)
    _texts: set[bytes] = field(default_factory=set)
    _ids: SeenIds = field(default_factory=SeenIds)

    @property
    def complete(self) -> bool:
        """Whether as many documents were made as the source may have."""
        return bool(self.source.limit) and self.counts.documents >= (self.source.limit or 0)

    def of(self, records: Records) -> pa.RecordBatch:
        """The documents of a batch of records, of schema `DOCUMENT`; may be empty.

        Raises:
            UserError: with strict faults, two records have one key.
        """
        if self.source.unique:
            records = self._fresh(records)
        ids = [document_id(self.name, key) for key in records.keys.to_pylist()]
        if self.source.limit:
            left = self.source.limit - self.counts.documents
            if len(ids) > left:
                records, ids = records.take(np.arange(left)), ids[:left]
        seen = self._ids.add(ids)
        if seen.any():
            self._refuse(records, ids, np.flatnonzero(seen).tolist())
            kept = np.flatnonzero(~seen)
            records, ids = records.take(kept), [ids[index] for index in kept.tolist()]
        batch = self._batch(records, ids)
        self._count(batch)
        return batch

    def _fresh(self, records: Records) -> Records:
        fresh = np.ones(len(records), bool)
        for index, text in enumerate(records.texts.to_pylist()):
            digest = xxhash.xxh3_128_digest(text.encode())
            fresh[index] = digest not in self._texts
            self._texts.add(digest)
        self.counts.skipped["repeated"] += int((~fresh).sum())
        return records if fresh.all() else records.take(np.flatnonzero(fresh))

    def _refuse(self, records: Records, ids: list[str], indices: list[int]) -> None:
        for index in indices:
            key = json.dumps(records.keys[index].as_py(), ensure_ascii=False)
            of = f" of {self._first(ids[index])}" if self.reader.strict else " of an earlier record"
            records.refuse(
                index,
                f"the key {key} is already that{of}",
                f"a key of its own for each record of ingest.sources.{self.name}",
            )

    def _first(self, identity: str) -> str:
        """The place of the first record with this id, found by reading the source again."""
        for piece in self.feed.pieces:
            for records in self.reader.read(piece, Faults(), Tally()):
                for index, key in enumerate(records.keys.to_pylist()):
                    if document_id(self.name, key) == identity:
                        return records.place(index)
        raise UserError(f"ingest.sources.{self.name}: its files changed while they were read. Run it again.")

    def _batch(self, records: Records, ids: list[str]) -> pa.RecordBatch:
        count = len(ids)
        columns = [
            pa.array(ids, pa.string()),
            records.texts,
            pa.repeat(pa.scalar(self.name), count),
            pa.repeat(pa.scalar(self.source.license), count),
            pa.repeat(pa.scalar(self.source.lang), count),
            records.meta,
        ]
        return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)

    def _count(self, batch: pa.RecordBatch) -> None:
        texts = batch.column("text")
        self.counts.documents += batch.num_rows
        self.counts.characters += pc.sum(pc.utf8_length(texts)).as_py() or 0
        self.counts.bytes += pc.sum(pc.binary_length(texts)).as_py() or 0
