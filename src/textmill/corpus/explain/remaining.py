"""Near-duplicates of documents that are to be left out: forgetting one of two alike texts forgets nothing."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.shards import read_table


class Twin(NamedTuple):
    """A document in the same cluster of duplicates as one that is forgotten."""

    id: str
    of: str
    kind: str


def twins(data: str | os.PathLike[str], ids: Collection[str]) -> list[Twin]:
    """The documents that share a cluster with one of `ids` and are not among them, in the order of their ids.

    ``of`` is the smallest forgotten id of the cluster; ``kind`` is ``exact`` if their texts are the same.

    Raises:
        UserError: the duplicates are damaged.
    """
    path = Path(data) / "duplicates" / "duplicates.parquet"
    if not path.is_file() or not ids:
        return []
    table = read_table(path, ["id", "cluster", "identical"])
    wanted = pa.array(sorted(ids), pa.string())
    own = table.filter(pc.is_in(table["id"], value_set=wanted)).sort_by("id").to_pylist()
    first: dict[str, dict[str, str]] = {}
    for row in own:
        first.setdefault(row["cluster"], row)
    same = {row["identical"] for row in own}
    clusters = pa.array(list(first), pa.string())
    others = table.filter(
        pc.and_(
            pc.is_in(table["cluster"], value_set=clusters), pc.invert(pc.is_in(table["id"], value_set=wanted))
        )
    )
    return [
        Twin(row["id"], first[row["cluster"]]["id"], "exact" if row["identical"] in same else "near")
        for row in others.sort_by("id").to_pylist()
    ]
