"""Find the documents that share n-grams with rows that must stay unseen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.contamination.rows import FILTER_BITS, Rows, fresh
from textmill.corpus.contamination.texts import TEXT
from textmill.corpus.engines import Engine, Local
from textmill.corpus.finished import finished_shards, gathering, map_sources
from textmill.corpus.shards import read_table, shard_paths, write_table
from textmill.corpus.shingles import (
    Bools,
    Int64s,
    Ngrams,
    Tokens,
    ngrams_by_size,
    same_ngrams,
    slices,
    tokens,
)

OVERLAP = pa.schema(
    [
        ("id", pa.string()),
        ("task", pa.string()),
        ("matched_id", pa.string()),
        ("ngrams", pa.int32()),
        ("fraction", pa.float32()),
    ]
)
"""A document and the row of a task or set of which it covers a text most: `ngrams` is how many distinct
n-grams it shares with that text, `fraction` that number over all of them. One row per document and task."""


ROWS_PER_BATCH = 4096


@dataclass(frozen=True)
class Overlaps:
    """What was found.

    Attributes:
        documents: of schema `OVERLAP`, in the order of the documents and then of names.
        largest: float64, for each text of the rows the largest share of its n-grams that a document holds.
    """

    documents: pa.Table
    largest: npt.NDArray[np.float64]

    def texts(self, rows: Rows) -> pa.Table:
        """The texts that some document shares an n-gram with: those of schema `TEXT`, and `fraction`."""
        found = np.flatnonzero(self.largest > 0)
        fraction = pa.array(self.largest[found], pa.float32())
        return rows.table.take(pa.array(found)).select(TEXT.names).append_column("fraction", fraction)


def find_overlaps(
    clean: str | os.PathLike[str],
    rows: Rows,
    advance: Callable[[int], None] = lambda documents: None,
    *,
    engine: Engine | None = None,
    finished: str | os.PathLike[str] | None = None,
) -> Overlaps:
    """Find the documents that share n-grams with rows.

    Memory of each worker is that of the rows, their n-grams (32 bytes each), and one shard of documents.

    Args:
        clean: directory of document shards (columns `id`, `text`).
        rows: as `index_rows` makes them.
        advance: called with the number of documents of each shard that is done.
        engine: who works; None means this process.
        finished: where the finished shards of a run that is killed wait for the next one.

    Raises:
        UserError: a shard is missing, damaged or lacks a column.
    """
    paths = shard_paths(clean)
    largest = np.zeros(len(rows.sizes))
    tables = [OVERLAP.empty_table()]
    function = partial(_overlaps_of_shard, rows)
    with (
        finished_shards(finished, "contamination", function) as kept,
        gathering(kept) as found,
    ):
        for _, documents in map_sources("contamination", function, paths, found, engine or Local(), kept):
            advance(documents)
        for path in paths:
            tables.append(read_table(found / path.name))
            texts = read_table(found / f"texts-{path.name}")
            places = texts["text"].to_numpy()
            largest[places] = np.maximum(largest[places], texts["fraction"].to_numpy())
    return Overlaps(pa.concat_tables(tables).combine_chunks(), largest)


def _overlaps_of_shard(rows: Rows, source: Path, folder: Path) -> int:
    """Write what a shard overlaps with into `folder`; returns its number of documents.

    `<shard>` is of schema `OVERLAP`; `texts-<shard>` has the texts that a document shares an n-gram with, and
    the largest share of each.
    """
    table = read_table(source, ["id", "text"])
    largest = np.zeros(len(rows.sizes))
    possible = rows.possible
    found = [
        _overlaps(piece, rows, possible, largest)
        for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH)
        for piece in slices(batch)
    ]
    write_table(folder / source.name, pa.concat_tables([OVERLAP.empty_table(), *found]))
    texts = np.flatnonzero(largest > 0)
    write_table(folder / f"texts-{source.name}", pa.table({"text": texts, "fraction": largest[texts]}))
    return table.num_rows


def _overlaps(
    piece: pa.RecordBatch, rows: Rows, possible: Bools, largest: npt.NDArray[np.float64]
) -> pa.Table:
    if not len(rows.hashes):
        return OVERLAP.empty_table()
    batch = tokens(piece.column("text"))
    lengths = np.flatnonzero(np.bincount(rows.lengths))
    hits = [
        _hits(batch, found, rows, possible)
        for found in ngrams_by_size(batch, int(lengths[0]), int(lengths[-1]))
        if found.lengths[:1].size and found.lengths[0] in lengths
    ]
    if not hits:
        return OVERLAP.empty_table()
    document, part = (np.concatenate(column) for column in zip(*hits, strict=True))
    order = np.lexsort((part, document))
    document, part = document[order], part[order]
    bounds = np.flatnonzero(fresh(document, part))
    shared = np.diff(np.append(bounds, len(document)))
    document, part = document[bounds], part[bounds]
    np.maximum.at(largest, part, shared / rows.sizes[part])
    return _best(piece.column("id"), document, part, shared, rows)


def _hits(batch: Tokens, found: Ngrams, rows: Rows, possible: Bools) -> tuple[Int64s, Int64s]:
    """Pairs of a document and a text, one for each distinct n-gram that both have."""
    candidates = np.flatnonzero(possible[found.hashes >> np.uint64(64 - FILTER_BITS)])
    hashes = found.hashes[candidates]
    document = np.searchsorted(found.offsets, candidates, side="right") - 1
    order = np.lexsort((document, hashes))
    order = order[fresh(hashes[order], document[order])]
    hashes, document, candidates = hashes[order], document[order], candidates[order]
    start = np.searchsorted(rows.hashes, hashes)
    count = np.searchsorted(rows.hashes, hashes, side="right") - start
    entry = np.repeat(start - np.concatenate(([0], np.cumsum(count)[:-1])), count) + np.arange(count.sum())
    document, candidates = np.repeat(document, count), np.repeat(candidates, count)
    size = found.lengths[candidates]
    confirmed = rows.lengths[entry] == size
    document, candidates, entry, size = (each[confirmed] for each in (document, candidates, entry, size))
    confirmed = same_ngrams(batch, found.first[candidates], rows.tokens, rows.first[entry], size)
    return document[confirmed], rows.part[entry[confirmed]]


def _best(ids: pa.Array, document: Int64s, part: Int64s, shared: Int64s, rows: Rows) -> pa.Table:
    """For each document and set the text that is covered most, then by n-grams, then by id."""
    fraction = shared / rows.sizes[part]
    task, matched = rows.set[part], rows.table["id"].take(pa.array(part)).to_numpy()
    order = np.lexsort((np.argsort(np.argsort(matched)), -shared, -fraction, task, document))
    best = order[fresh(document[order], task[order])]
    return pa.table(
        [
            ids.take(pa.array(document[best])).cast(pa.string()),
            pa.array([rows.sets[number] for number in task[best]], pa.string()),
            pa.array(matched[best], pa.string()),
            pa.array(shared[best], pa.int32()),
            pa.array(fraction[best], pa.float32()),
        ],
        schema=OVERLAP,
    )
