"""Parquet shards: equal rows give equal bytes, and a shard is whole or absent."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from textmill.errors import UserError
from textmill.files import replacing

ROWS_PER_GROUP = 4096

DOCUMENT = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("source", pa.string()),
        ("license", pa.string()),
        ("lang", pa.string()),
        ("meta", pa.string()),
    ]
)
"""A document: `id` 32 hex digits, `text`, `source`, `license`, `lang` (ISO 639-1 or empty), `meta` (JSON)."""


def shard_name(index: int) -> str:
    """The file name of shard `index`."""
    return f"part-{index:05d}.parquet"


def shard_paths(directory: str | os.PathLike[str]) -> list[Path]:
    """The shards of a directory in order.

    Raises:
        UserError: the directory is missing or holds no shard.
    """
    folder = Path(directory)
    paths = sorted(folder.glob("part-*.parquet"))
    if not paths:
        raise UserError(
            f"{folder}: expected shards part-00000.parquet …, found none. Run the stage that writes it."
        )
    return paths


def write_table(
    path: str | os.PathLike[str],
    table: pa.Table,
    rows_per_group: int = ROWS_PER_GROUP,
    compression_level: int = 3,
    named: Sequence[str] | None = None,
    store_schema: bool = True,
) -> None:
    """Write `table` as one Parquet file (zstd, 4,096 rows a group, page checksums, nothing that varies).

    Only the columns `named` get a dictionary and statistics, all by default: they are lost on random ids.
    Without `store_schema` readers get Parquet's types: strings, where `table` has codes for them.
    """
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(None).combine_chunks(),
            temporary,
            compression="zstd",
            compression_level=compression_level,
            row_group_size=rows_per_group,
            store_schema=store_schema,
            use_dictionary=True if named is None else list(named),
            write_statistics=True if named is None else list(named),
            # Neither Parquet nor zstd as used in it notices that a bit was flipped.
            write_page_checksum=True,
        )


class ShardWriter:
    """Splits a stream of record batches into shards of a bounded size.

    A shard is closed once it holds `bytes_per_shard` bytes of Arrow data or more, so memory stays bounded by
    one shard plus one batch, however large the input.
    """

    def __init__(self, directory: str | os.PathLike[str], schema: pa.Schema, bytes_per_shard: int = 16 << 20):
        self.directory = Path(directory)
        self.schema = schema
        self.bytes_per_shard = bytes_per_shard
        self.index = 0
        self._batches: list[pa.RecordBatch] = []
        self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch of the writer's schema."""
        self._batches.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= self.bytes_per_shard:
            self.flush()

    def flush(self) -> None:
        """Close the shard in progress, if it holds any row."""
        if not self._batches:
            return
        table = pa.Table.from_batches(self._batches, schema=self.schema)
        if table.num_rows:
            write_table(self.directory / shard_name(self.index), table)
            self.index += 1
        self._batches, self._bytes = [], 0

    def __enter__(self) -> ShardWriter:
        self.directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()


def read_table(path: str | os.PathLike[str], columns: Sequence[str] | None = None) -> pa.Table:
    """Read one Parquet file.

    Raises:
        UserError: the file is missing, damaged, or lacks one of `columns`.
    """
    try:
        # pq.read_table does the same by way of pyarrow.dataset, which takes half a second to import.
        with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
            if columns is None:
                return file.read()
            _check_columns(path, columns, file.schema_arrow)
            return file.read(list(columns)).select(list(columns))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected a Parquet file.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
        ) from error


def _check_columns(path: str | os.PathLike[str], columns: Sequence[str], schema: pa.Schema) -> None:
    if missing := [name for name in columns if name not in schema.names]:
        raise UserError(f"{path}: expected the columns {', '.join(columns)}, found no {', '.join(missing)}.")


def read_schema(path: str | os.PathLike[str]) -> pa.Schema:
    """The columns of a Parquet file, read from its footer.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        return pq.read_schema(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected a Parquet file.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
        ) from error


def read_batches(
    directory: str | os.PathLike[str], columns: Sequence[str] | None = None, rows: int = 4096
) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a directory's shards in order, at most `rows` rows each."""
    for path in shard_paths(directory):
        yield from read_table(path, columns).to_batches(max_chunksize=rows)


def read_groups(path: str | os.PathLike[str], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield one Parquet file a row group at a time, at most 4,096 rows of those that this project writes.

    Raises:
        UserError: the file is missing, damaged, or lacks one of `columns`.
    """
    with _opened(path, columns) as file:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, list(columns), use_threads=False).to_batches()


def read_group(
    path: str | os.PathLike[str],
    columns: Sequence[str],
    group: int,
    metadata: pq.FileMetaData | None = None,
) -> pa.Table:
    """Read one row group; `metadata`, of `shard_metadata`, saves reading the footer again.

    Raises:
        UserError: the file is missing, damaged, or lacks one of `columns`.
    """
    with _opened(path, columns, metadata) as file:
        return file.read_row_group(group, list(columns), use_threads=False)


@contextmanager
def _opened(
    path: str | os.PathLike[str], columns: Sequence[str], metadata: pq.FileMetaData | None = None
) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(
            path, memory_map=True, page_checksum_verification=True, metadata=metadata
        ) as file:
            _check_columns(path, columns, file.schema_arrow)
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: not found; expected a Parquet file.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
        ) from error


def count_rows(directory: str | os.PathLike[str]) -> int:
    """How many rows a directory's shards hold, read from their footers.

    Raises:
        UserError: there is no shard, or one is damaged.
    """
    return sum(shard_rows(path) for path in shard_paths(directory))


def shard_rows(path: str | os.PathLike[str]) -> int:
    """How many rows one Parquet file holds, read from its footer.

    Raises:
        UserError: the file is damaged.
    """
    return shard_metadata(path).num_rows


def shard_metadata(path: str | os.PathLike[str]) -> pq.FileMetaData:
    """The footer of one Parquet file.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
        ) from error
