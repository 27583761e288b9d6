"""The profile of a corpus: what it is made of, small enough to keep in git and compare with the next one."""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa

from textmill.corpus.validation.frames import StatsFrames
from textmill.corpus.validation.histograms import histogram
from textmill.errors import UserError
from textmill.files import read_json

FORMAT = 1


def profile(frames: StatsFrames) -> dict[str, Any]:
    """Describe the kept documents.

    Returns:
        `format`, `documents`, `characters`; `languages` and `sources`: documents and characters of each;
        `lengths`: the histogram of characters per document; `signals`: the histogram of each numeric signal.
        Equal documents give equal profiles.
    """
    documents, signals = frames.table("documents"), frames.table("signals")
    return {
        "format": FORMAT,
        "documents": len(documents),
        "characters": int(documents["characters"].to_numpy().sum()),
        "languages": _mix(frames.table("languages"), "lang"),
        "sources": _mix(frames.table("sources"), "source"),
        "lengths": histogram(documents["characters"]),
        "signals": {
            name: histogram(signals[name])
            for name in sorted(signals.column_names)
            if name != "id" and _is_number(signals.schema.field(name).type)
        },
    }


def read_profile(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """A profile that was written before, or None if there is none.

    Raises:
        UserError: the file is damaged, or of another format.
    """
    try:
        found = read_json(path)
    except FileNotFoundError:
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise UserError(
            f"{path}: expected the profile of a corpus (format {FORMAT}), found something else. "
            "Write it anew with `textmill accept`, or remove it."
        )
    return found


def _mix(table: pa.Table, column: str) -> dict[str, dict[str, int]]:
    return {
        row[column]: {"documents": row["documents"], "characters": row["characters"]}
        for row in table.select([column, "documents", "characters"]).to_pylist()
    }


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
