"""Find documents by id in a directory of shards, and read single rows without reading the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from textmill.corpus.shards import read_schema, read_table, shard_paths


class Place(NamedTuple):
    """A row of a shard, counted from 0."""

    shard: Path
    row: int


def find_documents(directory: str | os.PathLike[str], ids: Iterable[str]) -> dict[str, Place]:
    """Where the documents with these ids are; ids that no document has are left out.

    Only id columns are read.
    """
    wanted = pa.array(sorted(set(ids)), pa.string())
    places: dict[str, Place] = {}
    for path in shard_paths(directory) if len(wanted) else ():
        found = read_table(path, ["id"])["id"].combine_chunks()
        rows = pc.indices_nonzero(pc.is_in(found, value_set=wanted))
        names = found.take(rows).to_pylist()
        places.update(zip(names, (Place(path, row) for row in rows.to_pylist()), strict=True))
    return places


def find_prefix(directory: str | os.PathLike[str], prefix: str, most: int = 20) -> dict[str, Place]:
    """The first `most` documents whose ids begin with `prefix`, in the order of the shards."""
    places: dict[str, Place] = {}
    for path in shard_paths(directory):
        found = read_table(path, ["id"])["id"].combine_chunks()
        for row in pc.indices_nonzero(pc.starts_with(found, prefix)).to_pylist():
            places[found[row].as_py()] = Place(path, row)
            if len(places) == most:
                return places
    return places


def find_matching(directory: str | os.PathLike[str], pattern: str, most: int | None = 20) -> dict[str, Place]:
    """The first `most` documents (all, if None) whose text matches a regular expression of RE2.

    Raises:
        pyarrow.ArrowInvalid: the expression is not valid.
    """
    places: dict[str, Place] = {}
    for path in shard_paths(directory):
        table = read_table(path, ["id", "text"])
        found = pc.indices_nonzero(pc.match_substring_regex(table["text"], pattern))
        for row in found.to_pylist():
            places[table["id"][row].as_py()] = Place(path, row)
            if len(places) == most:
                return places
    return places


def read_row(place: Place, columns: Iterable[str] | None = None) -> dict[str, Any]:
    """One row of a shard; only its row group is read. Columns that the shard lacks are left out."""
    names = read_schema(place.shard).names
    chosen = names if columns is None else [name for name in columns if name in names]
    with pq.ParquetFile(place.shard) as file:
        start = 0
        for group in range(file.metadata.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            if place.row < stop:
                table = file.read_row_group(group, columns=chosen)
                return table.slice(place.row - start, 1).to_pylist()[0]
            start = stop
    raise IndexError(f"{place.shard} has no row {place.row}")
