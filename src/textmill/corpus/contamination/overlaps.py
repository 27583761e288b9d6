"""Find the documents that share n-grams with rows that must stay unseen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.contamination.rows import FILTER_BITS, Rows, fresh
from textmill.corpus.contamination.texts import TEXT
from textmill.corpus.shards import read_batches
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
) -> Overlaps:
    """Find the documents that share n-grams with rows.

    Memory is that of the rows, their n-grams (32 bytes each), and one slice of the documents.

    Args:
        clean: directory of document shards (columns `id`, `text`).
        rows: as `index_rows` makes them.
        advance: called with the number of documents done.

    Raises:
        UserError: a shard is missing, damaged or lacks a column.
    """
    possible = rows.possible()
    largest = np.zeros(len(rows.sizes))
    found = [OVERLAP.empty_table()]
    for batch in read_batches(clean, ["id", "text"]):
        for piece in slices(batch):
            found.append(_overlaps(piece, rows, possible, largest))
        advance(batch.num_rows)
    return Overlaps(pa.concat_tables(found).combine_chunks(), largest)


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
