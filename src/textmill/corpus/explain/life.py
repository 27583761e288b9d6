"""Gather what is known of one document: every stage's files are asked for its rows, and no others."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from textmill.config.select import Select
from textmill.corpus.explain.rules import would_fail
from textmill.corpus.lookup import Place, find_documents, read_row
from textmill.corpus.shards import read_schema, read_table
from textmill.errors import UserError

SPLITS = ("train", "validation")


def life_of(data: str | os.PathLike[str], place: Place, params: Select) -> dict[str, Any]:
    """What the stages did with and found in a document.

    Args:
        data: directory with clean, and whatever else the stages wrote beside it.
        place: its row in clean.
        params: the thresholds to hold its signals against.

    Returns:
        ``id``, ``source``, ``license``, ``lang``, ``lang_score``, ``meta``, ``text``; ``raw``, the text as it
        came, or None; ``pii``, counts by type; ``signals`` and ``rules``, see `would_fail`; ``duplicates``,
        the cluster's members (``id``, ``source``, ``kind``, ``jaccard``, ``kept``) or []; ``overlaps``, one
        per evaluation set (``task``, ``matched_id``, ``ngrams``, ``fraction``, ``allowed``, ``texts``);
        ``decision``: ``fate`` (``train``, ``validation``, ``dropped`` or ``undecided``) and, of a dropped
        one, the ledger's row; ``cuts``, the spans that select cut out.

    Raises:
        UserError: a file is damaged.
    """
    folder = Path(data)
    clean = read_row(place)
    identity = clean["id"]
    signals = _aligned(folder / "signals", place, identity) or {}
    decision = _decision(folder, identity)
    overlaps = _overlaps(folder, identity, params)
    return {
        "id": identity,
        "source": clean["source"],
        "license": clean["license"],
        "lang": clean["lang"],
        "lang_score": clean.get("lang_score"),
        "meta": _meta(clean["meta"]),
        "text": clean["text"],
        "raw": (_aligned(folder / "raw", place, identity) or {}).get("text"),
        "pii": {name[4:]: count for name, count in clean.items() if name.startswith("pii_")},
        "signals": {name: value for name, value in signals.items() if _is_number(value)},
        "rules": would_fail(clean, signals, overlaps, params, _single(folder / "signals" / place.shard.name)),
        "duplicates": _duplicates(folder, identity),
        "overlaps": overlaps,
        "decision": decision,
        "cuts": _rows(folder / "ledger" / "cuts.parquet", "id", identity),
    }


def text_of(data: str | os.PathLike[str], identity: str) -> str | None:
    """The cleaned text of another document, or None if there is none of this id."""
    places = find_documents(Path(data) / "clean", [identity])
    return read_row(places[identity], ["text"])["text"] if identity in places else None


def unreadable(data: str | os.PathLike[str], prefix: str) -> list[dict[str, Any]]:
    """The inputs whose ids begin so and that ingest could not read."""
    path = Path(data) / "raw" / "unreadable.parquet"
    if not path.is_file():
        return []
    table = read_table(path)
    return table.filter(pc.starts_with(table["id"], prefix)).to_pylist()


def _single(shard: Path) -> list[str]:
    return (
        [field.name for field in read_schema(shard) if field.type == pa.float32()] if shard.is_file() else []
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _meta(text: str | None) -> Any:
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def _aligned(directory: Path, place: Place, identity: str) -> dict[str, Any] | None:
    """The document's row in a directory whose shards have the rows of clean, if it has been written."""
    beside = Place(directory / place.shard.name, place.row)
    if beside.shard.is_file() and pq.read_metadata(beside.shard).num_rows > place.row:
        row = read_row(beside)
        if row["id"] == identity:
            return row
    if not any(directory.glob("part-*.parquet")):
        return None
    places = find_documents(directory, [identity])
    return read_row(places[identity]) if identity in places else None


def _rows(path: Path, column: str, value: str) -> list[dict[str, Any]]:
    """The rows of a file in which a column has a value; none if there is no such file."""
    if not path.is_file():
        return []
    try:
        return pq.read_table(path, filters=[(column, "=", value)]).to_pylist()
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{path}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
        ) from error


def _decision(folder: Path, identity: str) -> dict[str, Any]:
    for row in _rows(folder / "ledger" / "ledger.parquet", "id", identity):
        return {
            "fate": "dropped",
            **{key: row[key] for key in ("stage", "rule", "value", "threshold", "matched_id")},
        }
    for split in SPLITS:
        part = folder / "corpus" / split
        if any(part.glob("part-*.parquet")) and find_documents(part, [identity]):
            return {"fate": split}
    return {"fate": "undecided"}


def _duplicates(folder: Path, identity: str) -> list[dict[str, Any]]:
    path = folder / "duplicates" / "duplicates.parquet"
    own = _rows(path, "id", identity)
    if not own:
        return []
    members = _rows(path, "cluster", own[0]["cluster"])
    places = find_documents(folder / "clean", [row["id"] for row in members])
    ledger = folder / "ledger" / "ledger.parquet"
    found = []
    for row in members:
        place = places.get(row["id"])
        dropped = _rows(ledger, "id", row["id"]) if len(members) <= 50 else None
        found.append(
            {
                "id": row["id"],
                "source": read_row(place, ["source"])["source"] if place and len(members) <= 50 else "",
                "kind": "exact" if row["identical"] == own[0]["identical"] else "near",
                "representative": row["id"] == row["representative"],
                "jaccard": row["jaccard"],
                "kept": None if dropped is None or not ledger.is_file() else not dropped,
            }
        )
    return found


def _overlaps(folder: Path, identity: str, params: Select) -> list[dict[str, Any]]:
    found = _rows(folder / "contamination" / "contamination.parquet", "id", identity)
    for row in found:
        texts = _rows(folder / "contamination" / "rows.parquet", "id", row["matched_id"])
        row["allowed"] = params.max_contamination
        row["texts"] = {text["column"]: text["text"] for text in texts if text["set"] == row["task"]}
    return found
