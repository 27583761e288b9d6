"""Encode a split of the corpus into token shards, shard by shard."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.engines import Engine
from textmill.corpus.engines.threads import Threads, usable_cores
from textmill.corpus.finished import map_sources
from textmill.corpus.shards import read_group, shard_metadata, shard_paths
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
    `part-NNNNN.r2` …, so that no training window sees two copies of it. Memory is bounded by the ids of one
    shard per core, with its copies, and a row group per thread. Equal documents give equal bytes, whichever
    library encodes.

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
    with _threads(engine) as (engine, pool):
        function = partial(_tokenize_shard, encoder, parity_documents, mixing, columns, numbers, pool)
        for _, rows in map_sources("tokenize", function, paths, folder, engine, kept):
            yield pa.Table.from_pylist(rows, _COUNTS)


@contextmanager
def _threads(engine: Engine | None) -> Iterator[tuple[Engine, Executor | None]]:
    """Who does the shards, and who their row groups: another engine's worker does those one by one.

    Here the threads of all shards take row groups from one queue, so that no core waits for the end of a
    shard. There is one thread more than cores: while gigatoken, which uses all of them, encodes the row group
    of one, others read and pack.
    """
    cores = usable_cores()
    if engine is not None or cores == 1:
        yield engine or Threads(1), None
        return
    with ThreadPoolExecutor(cores + 1, thread_name_prefix="tokenize") as pool:
        try:
            yield Threads(cores), pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _tokenize_shard(
    encoder: Encoder,
    parity_documents: int,
    mixing: Mixing | None,
    columns: Sequence[str],
    numbers: Mapping[str, int],
    pool: Executor | None,
    path: Path,
    folder: Path,
) -> list[dict[str, Any]]:
    """Write the files of one shard into `folder`; returns its counts."""
    metadata = shard_metadata(path)
    work = partial(_tokenize_group, encoder, mixing, parity_documents / max(metadata.num_rows, 1))
    rounds: list[list[Packed]] = [[]]
    rows = []
    for group in (map if pool is None else pool.map)(
        lambda number: work(read_group(path, columns, number, metadata)), range(metadata.num_row_groups)
    ):
        rows.append(group.counts)
        _deal(group.packed, group.copies, rounds)
    for repeat, pieces in enumerate(rounds):
        name = f"part-{numbers[str(path)]:05d}" + (f".r{repeat}" if repeat else "")
        write_shard(folder / f"{name}.bin", *joined(pieces))
    return _summed(pa.concat_tables(rows)).to_pylist() if rows else []


@dataclass(frozen=True)
class _Group:
    """A row group's ids, how often each document is written, and a row per language and source."""

    packed: Packed
    copies: npt.NDArray[np.int64]
    counts: pa.Table


def _tokenize_group(encoder: Encoder, mixing: Mixing | None, checked: float, rows: pa.Table) -> _Group:
    """Encode the documents of a row group, a share of them (`checked`) with the other library too."""
    ids, offsets = encoder.encode(rows["text"], math.ceil(checked * len(rows)))
    copies = np.ones(len(rows), np.int64) if mixing is None else mixing.copies(rows)
    packed = with_ends(ids, offsets)
    return _Group(packed, copies, _counts(rows, packed, copies))


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


def _counts(batch: pa.Table, packed: Packed, copies: npt.NDArray[np.int64]) -> pa.Table:
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
