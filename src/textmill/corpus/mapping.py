"""Map an operator over the shards of a directory: shard in, shard out, by whichever engine.

What is written depends on the shards and the operator alone: neither the engine, the number of workers nor
the order in which they finish shows. A run that fails or is killed leaves the target as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from textmill.corpus.engines import Engine, Local
from textmill.corpus.finished import finished_shards, map_sources
from textmill.corpus.operators import Operator
from textmill.corpus.shards import read_table, shard_paths, write_table
from textmill.errors import UserError
from textmill.files import replacing_directory

ROWS_PER_BATCH = 4096
BYTES_PER_BATCH = 4 << 20
"""The most rows of a batch and, unless it is one row, the most bytes: they bound a worker's memory."""


def map_shards(
    operator: Operator,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    keep: Sequence[str] | None = None,
    workers: int = 1,
    engine: Engine | None = None,
    finished: str | os.PathLike[str] | None = None,
    advance: Callable[[int], None] | None = None,
) -> int:
    """Apply `operator` to each shard of `source` and write a shard of the same name to `target`.

    Args:
        operator: what to do with the rows.
        source: a directory of shards.
        target: the directory to write; it is complete or as it was before.
        keep: the input columns that are carried over, before the added ones; None means all of them.
        workers: how many processes of this machine work at the same time; 1 means this one.
        engine: who works, instead of these.
        finished: where the finished shards of a run that is killed wait for the next one; see
            `textmill.corpus.finished`.
        advance: called with the number of rows of each shard that is done.

    Returns:
        The number of rows.

    Raises:
        UserError: a shard is missing, damaged or lacks a column, or the engine cannot run the operator (both
            found before any work starts), or a worker process was killed from outside.
    """
    engine = engine or Local(workers)
    if engine.name not in operator.engines:
        raise UserError(
            f"run.engine: {operator.name} cannot run on {engine.name}; expected one of "
            f"{', '.join(operator.engines)}."
        )
    paths = shard_paths(source)
    for path in paths:
        check_shard(operator, path, keep)
    rows = 0
    function = partial(map_shard, operator, keep=None if keep is None else tuple(keep))
    with (
        finished_shards(finished, operator.name, function) as kept,
        replacing_directory(target) as folder,
    ):
        for _, done in map_sources(operator.name, function, paths, folder, engine, kept):
            rows += done
            if advance is not None:
                advance(done)
    return rows


def count_rows(directory: str | os.PathLike[str]) -> int:
    """The number of rows in a directory of shards, read from the file footers alone.

    Raises:
        UserError: there is no shard, or one is damaged.
    """
    return sum(_metadata(path).num_rows for path in shard_paths(directory))


def check_shard(operator: Operator, path: Path, keep: Sequence[str] | None = None) -> None:
    """Make sure that the shard at `path` has every column that `operator` reads and `keep` names.

    Raises:
        UserError: it is damaged, or a column is missing or has another type.
    """
    schema = _metadata(path).schema.to_arrow_schema()
    operator.check(schema, str(path))
    for name in keep or ():
        if name not in schema.names:
            raise UserError(f"{path}: expected a column {name}; found {', '.join(schema.names)}.")


def map_shard(operator: Operator, source: Path, folder: Path, keep: Sequence[str] | None = None) -> int:
    """Apply `operator` to one shard, write a shard of the same name into `folder`, return its rows."""
    columns = None if keep is None else list(dict.fromkeys([*keep, *operator.reads.names]))
    table = read_table(source, columns)
    kept = table.schema.names if keep is None else list(keep)
    names = [*kept, *(name for name in operator.adds.names if name not in kept)]
    schema = pa.schema([operator.output(table.schema).field(name) for name in names])
    batches = [operator(batch).select(names) for batch in bounded_batches(table)]
    write_table(folder / source.name, pa.Table.from_batches(batches, schema=schema))
    return table.num_rows


def bounded_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `table` in order, in batches within ROWS_PER_BATCH and BYTES_PER_BATCH."""
    for batch in table.to_batches(max_chunksize=ROWS_PER_BATCH):
        yield from _halved(batch)


def _halved(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows < 2 or batch.nbytes <= BYTES_PER_BATCH:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from _halved(batch.slice(0, middle))
    yield from _halved(batch.slice(middle))


def _metadata(path: Path) -> pq.FileMetaData:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
        ) from error
