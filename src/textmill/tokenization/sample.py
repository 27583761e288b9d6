"""The documents that a tokenizer learns from: a weighted sample of a stated size."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from textmill.config.tokenizer import TokenizerSample
from textmill.corpus.shards import read_groups, shard_name, shard_paths, write_table
from textmill.errors import UserError

_STREAM = 6


@dataclass(frozen=True)
class Drawn:
    """A sample: Parquet files with a `text` column, and what is in it as the report says it."""

    shards: list[Path]
    report: dict[str, Any]


def draw_sample(
    corpus: str | os.PathLike[str],
    settings: TokenizerSample,
    seed: int,
    directory: str | os.PathLike[str],
) -> Drawn:
    """Draw whole documents without replacement until the sample is as large as `settings` allows.

    Weighted by exponential clocks (Efraimidis and Spirakis 2006): a document's turn is ``-log(u) / weight``,
    with u from the hash of its id, and those whose turn comes first are taken. So the sample depends on
    the documents, the seed and `settings` alone, and a larger one contains a smaller one.

    Args:
        corpus: a directory of document shards.
        directory: where the sampled texts are written, unless that is all of them.

    Returns:
        The files, and the report: `documents`, `characters`, their totals in the corpus, and per source and
        language `documents`, `characters`, `share` of the sample's characters.

    Raises:
        UserError: a weight names nothing in the corpus, or no document is left.
    """
    paths = shard_paths(corpus)
    facts = pa.concat_tables([_facts(path, seed) for path in paths])
    if not len(facts):
        raise UserError(f"{corpus}: expected documents to learn from, found none.")
    _refuse_unknown(settings, facts)
    with np.errstate(divide="ignore"):
        turns = facts["turn"].to_numpy() / _weights(facts, settings)
    characters = facts["characters"].to_numpy()
    total = int(characters.sum())
    most = min(settings.share * total, total if settings.characters is None else settings.characters)
    order = np.argsort(turns, kind="stable")
    order = order[np.isfinite(turns[order])]
    taken = np.zeros(len(facts), bool)
    count = int(np.searchsorted(np.cumsum(characters[order]), most, side="right"))
    taken[order[: max(count, 1)]] = True
    if not taken.any():
        raise UserError("params.yaml: tokenizer.sample: every document has weight 0; nothing is left.")
    shards = paths if taken.all() else _write(paths, taken, Path(directory))
    return Drawn(shards, _report(facts, taken, total))


def _facts(path: Path, seed: int) -> pa.Table:
    batches = []
    for batch in read_groups(path, ["id", "text", "source", "lang"]):
        keys = batch["id"].cast(pa.binary()).to_pylist()
        stream = seed + (_STREAM << 32)
        hashes = np.array([xxhash.xxh3_64_intdigest(key, seed=stream) for key in keys], np.uint64)
        batches.append(
            pa.table(
                {
                    "turn": -np.log((hashes + 0.5) / np.float64(2**64)),
                    "characters": pc.utf8_length(batch["text"]).cast(pa.int64()),
                    "source": batch["source"],
                    "lang": pc.if_else(pc.equal(batch["lang"], ""), "und", batch["lang"]),
                }
            )
        )
    return pa.concat_tables(batches) if batches else _EMPTY


_EMPTY = pa.table(
    {
        "turn": pa.array([], pa.float64()),
        "characters": pa.array([], pa.int64()),
        "source": pa.array([], pa.string()),
        "lang": pa.array([], pa.string()),
    }
)


def _weights(facts: pa.Table, settings: TokenizerSample) -> npt.NDArray[np.float64]:
    weights = np.ones(len(facts))
    for column, chosen in (("source", settings.by_source), ("lang", settings.by_language)):
        coded = facts[column].combine_chunks().dictionary_encode()
        values = np.array([chosen.get(name, 1.0) for name in coded.dictionary.to_pylist()])
        weights *= values[coded.indices.to_numpy()]
    return weights


def _refuse_unknown(settings: TokenizerSample, facts: pa.Table) -> None:
    for key, column, chosen in (
        ("by_source", "source", settings.by_source),
        ("by_language", "lang", settings.by_language),
    ):
        known = sorted(pc.unique(facts[column]).to_pylist())
        for name in chosen:
            if name not in known:
                raise UserError(
                    f"params.yaml: tokenizer.sample.{key}.{name}: no document of the training split has it. "
                    f"Known here: {', '.join(known)}."
                )


def _write(paths: list[Path], taken: npt.NDArray[np.bool_], directory: Path) -> list[Path]:
    shards, start = [], 0
    for number, path in enumerate(paths):
        parts = []
        for batch in read_groups(path, ["text"]):
            parts.append(batch.filter(pa.array(taken[start : start + len(batch)])))
            start += len(batch)
        if parts:
            shards.append(directory / shard_name(number))
            write_table(shards[-1], pa.Table.from_batches(parts))
    return shards


def _report(facts: pa.Table, taken: npt.NDArray[np.bool_], total: int) -> dict[str, Any]:
    sample = facts.filter(pa.array(taken))
    characters = pc.sum(sample["characters"]).as_py()
    report: dict[str, Any] = {
        "documents": len(sample),
        "characters": characters,
        "of_documents": len(facts),
        "of_characters": total,
    }
    for name, column in (("sources", "source"), ("languages", "lang")):
        groups = sample.group_by(column).aggregate([("characters", "sum"), ("characters", "count")])
        report[name] = {
            row[column]: {
                "documents": row["characters_count"],
                "characters": row["characters_sum"],
                "share": round(row["characters_sum"] / max(characters, 1), 6),
            }
            for row in groups.sort_by(column).to_pylist()
        }
    return report
