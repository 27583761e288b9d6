"""Encode a split of the corpus into token shards, shard by shard."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.engines import Engine, Local
from textmill.corpus.finished import map_sources
from textmill.corpus.shards import read_groups, shard_paths, shard_rows
from textmill.errors import UserError
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.mixing import Mixing
from textmill.tokenization.packing import Packed, chosen, joined, with_ends, write_shard
from textmill.tokenization.special import UNK

Counts = dict[str, int]
SUMS = ("documents", "distinct", "tokens", "bytes", "unknown")
_COUNTS = pa.schema(
    [("lang", pa.string()), ("source", pa.string()), *((name, pa.int64()) for name in (*SUMS, "longest"))]
)
COLUMNS = ("text", "source", "lang")


def tokenize_split(
    corpus: str | os.PathLike[str],
    tokens: str | os.PathLike[str],
    encoder: Encoder,
    parity_documents: int,
    mixing: Mixing | None = None,
    more: Sequence[str | os.PathLike[str]] = (),
    *,
    engine: Engine | None = None,
    kept: Path | None = None,
) -> Iterator[pa.Table]:
    """Write `tokens/part-NNNNN.{bin,idx}` for every shard of `corpus`; yield each shard's counts.

    A document that `mixing` repeats is written once to each of `part-NNNNN`, `part-NNNNN.r1`,
    `part-NNNNN.r2` …, so that no training window sees two copies of it. Memory is bounded by one shard and
    its copies. Equal documents give equal bytes, whichever library encodes.

    Args:
        more: further directories of document shards, such as augmented documents; one that is not there or
            is empty means nothing.
        engine: who works. None means this process, which has threads that use more than one core.
        kept: a folder of `textmill.corpus.finished.finished_shards` for this work.

    Yields:
        For each shard that is done a row per language and source: `lang`, `source`, `documents` (copies
        counted), `distinct` documents, `tokens` (`<eos>` included), `bytes` (UTF-8 of the text), `unknown`
        tokens, `longest` document.

    Raises:
        UserError: a shard is damaged, or the encoding libraries disagree.
    """
    folder = Path(tokens)
    folder.mkdir(parents=True, exist_ok=True)
    columns = COLUMNS if mixing is None or mixing.plain else (*COLUMNS, "id")
    paths = document_shards(corpus, more)
    numbers = {str(path.absolute()): number for number, path in enumerate(paths)}
    function = partial(_tokenize_shard, encoder, parity_documents, mixing, columns, numbers)
    for _, rows in map_sources("tokenize", function, paths, folder, engine or Local(), kept):
        yield pa.Table.from_pylist(rows, _COUNTS)


def _tokenize_shard(
    encoder: Encoder,
    parity_documents: int,
    mixing: Mixing | None,
    columns: Sequence[str],
    numbers: Mapping[str, int],
    path: Path,
    folder: Path,
) -> list[dict[str, Any]]:
    """Write the files of one shard into `folder`; returns its counts."""
    shard = _Shard(encoder, parity_documents / max(shard_rows(path), 1), mixing)
    # While one batch is encoded the next is read, and the one before is checked, counted and packed.
    with ThreadPoolExecutor(1) as before, ThreadPoolExecutor(1) as after:
        batches = read_groups(path, columns)
        coming = before.submit(next, batches, None)
        done: list[Future[None]] = []
        while (batch := coming.result()) is not None:
            coming = before.submit(next, batches, None)
            done.append(after.submit(shard.add, batch, *encoder.encode(batch["text"])))
        for each in done:
            each.result()
    shard.write(folder, numbers[str(path)])
    return shard.counts().to_pylist()


class _Shard:
    """One shard while it is tokenized."""

    def __init__(self, encoder: Encoder, checked: float, mixing: Mixing | None):
        self.encoder, self.checked, self.mixing = encoder, checked, mixing
        self.rounds: list[list[Packed]] = [[]]
        self.rows: list[pa.Table] = []

    def add(self, batch: pa.RecordBatch, ids: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> None:
        """Check a share of the batch with the other library, then pack it into the rounds."""
        self.encoder.compare(batch["text"], ids, offsets, math.ceil(self.checked * len(batch)))
        copies = np.ones(len(batch), np.int64) if self.mixing is None else self.mixing.copies(batch)
        packed = with_ends(ids, offsets)
        self.rows.append(_counts(batch, packed, copies))
        _deal(packed, copies, self.rounds)

    def write(self, folder: Path, number: int) -> None:
        """Write a file per round."""
        for repeat, pieces in enumerate(self.rounds):
            name = f"part-{number:05d}" + (f".r{repeat}" if repeat else "")
            write_shard(folder / f"{name}.bin", *joined(pieces))

    def counts(self) -> pa.Table:
        """A row per language and source; no rows and no columns for a shard without documents."""
        return _summed(pa.concat_tables(self.rows)) if self.rows else pa.table({})


def document_shards(
    corpus: str | os.PathLike[str], more: Sequence[str | os.PathLike[str]] = ()
) -> list[Path]:
    """The shards of `corpus`, then those of each directory of `more` that has any."""
    return [
        *shard_paths(corpus),
        *(path for each in more for path in sorted(Path(each).glob("part-*.parquet"))),
    ]


def _deal(packed: Packed, copies: npt.NDArray[np.int64], rounds: list[list[Packed]]) -> None:
    """Add a batch to the rounds its documents are in; equal rounds share memory."""
    keep, piece = np.ones(len(copies), bool), packed
    for number in range(max(int(copies.max(initial=0)), 1)):
        wanted = copies > number
        if not np.array_equal(wanted, keep):
            keep, piece = wanted, chosen(packed, wanted)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(piece)


def _counts(batch: pa.RecordBatch, packed: Packed, copies: npt.NDArray[np.int64]) -> pa.Table:
    ids, bounds = packed
    starts = bounds.astype(np.int64)
    unknown = np.zeros(len(batch), np.int64)
    if len(places := np.flatnonzero(ids == UNK)):
        np.add.at(unknown, np.searchsorted(starts, places, side="right") - 1, 1)
    lengths = np.diff(starts)
    sized = pa.table(
        {
            "lang": pc.if_else(pc.equal(batch["lang"], ""), "und", batch["lang"]),
            "source": batch["source"],
            "documents": copies,
            "distinct": (copies > 0).astype(np.int64),
            "tokens": lengths * copies,
            "bytes": pc.binary_length(batch["text"]).to_numpy().astype(np.int64) * copies,
            "unknown": unknown * copies,
            "longest": np.where(copies > 0, lengths, 0),
        }
    )
    return _summed(sized)


def _summed(rows: pa.Table) -> pa.Table:
    parts = [*((name, "sum") for name in SUMS), ("longest", "max")]
    groups = rows.group_by(["lang", "source"]).aggregate(parts)
    return groups.rename_columns(["lang", "source", *SUMS, "longest"])


def add_counts(shards: Iterator[pa.Table], where: str) -> dict[str, object]:
    """Sum the counts of a split: its totals, `languages` and `sources`, each in alphabetical order.

    Raises:
        UserError: the split holds no document; `where` names it.
    """
    tables = [table for table in shards if table.num_rows]
    rows = pa.concat_tables(tables).to_pylist() if tables else []
    if not any(row["documents"] for row in rows):
        raise UserError(f"{where}: expected documents to tokenize, found none.")
    total: Counts = {}
    groups: dict[str, dict[str, Counts]] = {"languages": {}, "sources": {}}
    for row in rows:
        for held in (
            total,
            groups["languages"].setdefault(row["lang"], {}),
            groups["sources"].setdefault(row["source"], {}),
        ):
            for name in SUMS:
                held[name] = held.get(name, 0) + row[name]
            held["longest"] = max(held.get("longest", 0), row["longest"])
    return {**total, **{kind: dict(sorted(held.items())) for kind, held in groups.items()}}
