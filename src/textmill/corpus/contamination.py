"""Which documents share text with the rows that tasks are evaluated on.

The unit is the n-gram of tokens (see `textmill.corpus.shingles`): 13 words, or 13 characters in scripts
without spaces, as in GPT-3 (Brown et al. 2020, appendix C). A row's input and its target are looked at one by
one; one shorter than an n-gram counts as a whole, if it has a minimum of tokens. N-grams are found by hash,
and each hit is confirmed on the characters.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from textmill.config.contamination import Contamination
from textmill.corpus.shards import read_batches, read_table
from textmill.corpus.shingles import (
    Bools,
    Int64s,
    Ngrams,
    Tokens,
    Uint64s,
    ngrams,
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
"""A document and the row of a task whose input or target it covers most: `ngrams` is how many distinct
n-grams it shares with that input or target, `fraction` that number over all of them. One row per document and
task."""

_FILTER_BITS = 24


@dataclass(frozen=True)
class TaskRows:
    """The n-grams of all inputs and targets that must stay unseen, sorted by hash.

    Attributes:
        tasks: names, in the order given.
        task: int64, the task of each input or target, an index into `tasks`.
        ids: the ids of their rows.
        sizes: int64, how many distinct n-grams each has.
        tokens: of the inputs, then of the targets.
        hashes: uint64, ascending; one entry per distinct n-gram of an input or target.
        part, first, lengths: int64, for each entry its input or target (an index into `ids`), its first token
            and how many tokens it has.
    """

    tasks: tuple[str, ...]
    task: Int64s
    ids: np.ndarray
    sizes: Int64s
    tokens: Tokens
    hashes: Uint64s
    part: Int64s
    first: Int64s
    lengths: Int64s

    def possible(self) -> Bools:
        """A table by a hash's upper bits that is False where no entry has these bits."""
        table = np.zeros(1 << _FILTER_BITS, bool)
        table[self.hashes >> np.uint64(64 - _FILTER_BITS)] = True
        return table


def find_overlaps(
    clean: str | os.PathLike[str],
    tasks: str | os.PathLike[str],
    names: Sequence[str],
    params: Contamination,
    advance: Callable[[int], None] = lambda documents: None,
) -> pa.Table:
    """Find the documents that share n-grams with rows of tasks.

    Memory is that of the rows, their n-grams (32 bytes each), and one slice of the documents.

    Args:
        clean: directory of document shards (columns `id`, `text`).
        tasks: directory with ``NAME/SPLIT.parquet`` (columns `id`, `input`, `target`).
        names: the tasks to look at.
        params: the size of n-grams and the splits.
        advance: called with the number of documents done.

    Returns:
        A table of schema `OVERLAP`, in the order of the documents and then of task names.

    Raises:
        UserError: a file of a task or a shard is missing, damaged or lacks a column.
    """
    rows = read_task_rows(tasks, sorted(names), params)
    possible = rows.possible()
    found = [OVERLAP.empty_table()]
    for batch in read_batches(clean, ["id", "text"]):
        for piece in slices(batch):
            found.append(_overlaps(piece, rows, possible))
        advance(batch.num_rows)
    return pa.concat_tables(found).combine_chunks()


def read_task_rows(
    directory: str | os.PathLike[str], names: Sequence[str], params: Contamination
) -> TaskRows:
    """Read the rows of the tasks' splits and index their n-grams."""
    tables, task = [], [np.zeros(0, np.int64)]
    for number, name in enumerate(names):
        for split in params.splits:
            table = read_table(Path(directory) / name / f"{split}.parquet", ["id", "input", "target"])
            tables.append(table.cast(pa.schema([(c, pa.large_string()) for c in ("id", "input", "target")])))
            task.append(np.full(table.num_rows, number))
    if not tables:
        tables.append(pa.table({c: pa.array([], pa.large_string()) for c in ("id", "input", "target")}))
    rows = pa.concat_tables(tables).combine_chunks()
    texts = pa.chunked_array([*rows["input"].chunks, *rows["target"].chunks], pa.large_string())
    batch = tokens(texts.combine_chunks())
    found = ngrams(batch, params.ngram, shorter=True)
    part = np.repeat(np.arange(len(texts)), np.diff(found.offsets))
    usable = np.flatnonzero(found.lengths >= min(params.min_tokens, params.ngram))
    order = usable[np.lexsort((part[usable], found.hashes[usable]))]
    order = order[_fresh(found.hashes[order], part[order])]
    return TaskRows(
        tasks=tuple(names),
        task=np.tile(np.concatenate(task), 2),
        ids=np.tile(rows["id"].to_numpy(), 2),
        sizes=np.bincount(part[order], minlength=len(texts)),
        tokens=batch,
        hashes=found.hashes[order],
        part=part[order],
        first=found.first[order],
        lengths=found.lengths[order],
    )


def _fresh(*keys: np.ndarray) -> Bools:
    """Where one of the keys, sorted together, differs from the element before."""
    fresh = np.zeros(len(keys[0]), bool)
    fresh[:1] = True
    for key in keys:
        fresh[1:] |= key[1:] != key[:-1]
    return fresh


def _overlaps(piece: pa.RecordBatch, rows: TaskRows, possible: Bools) -> pa.Table:
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
    bounds = np.flatnonzero(_fresh(document, part))
    shared = np.diff(np.append(bounds, len(document)))
    return _best(piece.column("id"), document[bounds], part[bounds], shared, rows)


def _hits(batch: Tokens, found: Ngrams, rows: TaskRows, possible: Bools) -> tuple[Int64s, Int64s]:
    """Pairs of a document and an input or target, one for each distinct n-gram that both have."""
    candidates = np.flatnonzero(possible[found.hashes >> np.uint64(64 - _FILTER_BITS)])
    hashes = found.hashes[candidates]
    document = np.searchsorted(found.offsets, candidates, side="right") - 1
    order = np.lexsort((document, hashes))
    order = order[_fresh(hashes[order], document[order])]
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


def _best(ids: pa.Array, document: Int64s, part: Int64s, shared: Int64s, rows: TaskRows) -> pa.Table:
    """For each document and task the input or target that is covered most, then by n-grams, then by id."""
    fraction = shared / rows.sizes[part]
    task, matched = rows.task[part], rows.ids[part]
    order = np.lexsort((np.argsort(np.argsort(matched)), -shared, -fraction, task, document))
    best = order[_fresh(document[order], task[order])]
    return pa.table(
        [
            ids.take(pa.array(document[best])).cast(pa.string()),
            pa.array([rows.tasks[number] for number in task[best]], pa.string()),
            pa.array(matched[best], pa.string()),
            pa.array(shared[best], pa.int32()),
            pa.array(fraction[best], pa.float32()),
        ],
        schema=OVERLAP,
    )
