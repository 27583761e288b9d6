"""Encode a split of the corpus into token shards, shard by shard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.shards import read_table, shard_paths
from textmill.errors import UserError
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.packing import with_ends, write_shard

Counts = dict[str, int]


def tokenize_split(
    corpus: str | os.PathLike[str], tokens: str | os.PathLike[str], encoder: Encoder, parity_documents: int
) -> Iterator[dict[str, Counts]]:
    """Write `tokens/part-NNNNN.{bin,idx}` for every shard of `corpus`; yield each shard's counts.

    Memory is bounded by one shard. Equal documents give equal bytes, whichever library encodes.

    Yields:
        Per language: `documents`, `tokens` (`<eos>` included) and `bytes` (UTF-8 of the text).

    Raises:
        UserError: the split is empty, or the encoding libraries disagree.
    """
    folder = Path(tokens)
    folder.mkdir(parents=True, exist_ok=True)
    for path in shard_paths(corpus):
        table = read_table(path, ["text", "lang"])
        ids, offsets = encoder.encode(table["text"].to_pylist(), check=parity_documents)
        packed, bounds = with_ends(ids, offsets)
        write_shard(folder / f"{path.stem}.bin", packed, bounds)
        yield _counts(table, np.diff(bounds.astype(np.int64)))


def _counts(table: pa.Table, lengths: np.ndarray) -> dict[str, Counts]:
    sized = pa.table(
        {
            "lang": pc.if_else(pc.equal(table["lang"], ""), "und", table["lang"]),
            "tokens": lengths,
            "bytes": pc.cast(pc.binary_length(table["text"]), pa.int64()),
        }
    )
    groups = sized.group_by("lang").aggregate([("tokens", "sum"), ("bytes", "sum"), ("lang", "count")])
    return {
        row["lang"]: {"documents": row["lang_count"], "tokens": row["tokens_sum"], "bytes": row["bytes_sum"]}
        for row in groups.to_pylist()
    }


def add_counts(shards: Iterator[dict[str, Counts]], where: str) -> dict[str, object]:
    """Sum the counts of a split: its totals, and `languages` in alphabetical order.

    Raises:
        UserError: the split holds no document; `where` names it.
    """
    languages: dict[str, Counts] = {}
    for shard in shards:
        for language, counts in shard.items():
            held = languages.setdefault(language, dict.fromkeys(counts, 0))
            for name, count in counts.items():
                held[name] += count
    if not languages:
        raise UserError(f"{where}: expected documents to tokenize, found none.")
    totals = {
        name: sum(counts[name] for counts in languages.values()) for name in ("documents", "tokens", "bytes")
    }
    return {**totals, "languages": dict(sorted(languages.items()))}
