"""What contamination found of the test rows, beside the scores on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from textmill.corpus.shards import read_table
from textmill.evaluation.report import DIGITS
from textmill.evaluation.significance import wilson

SHARES, NONE = "shares text with a document", "shares none"
WHOLE = 0.999


def contamination_of(
    data: str | os.PathLike[str], task: str, ids: Sequence[str]
) -> tuple[dict[str, Any], list[str]] | None:
    """Figures of a task's test rows, and for each row whether any document shares an n-gram with it.

    Args:
        data: holds `contamination` and `ledger`.
        task: its name.
        ids: of the test rows.

    Returns:
        ``rows``; ``rows_found`` {value (share), low, high, n}: rows that any clean document shares text with,
        before select dropped documents; ``rows_whole``: rows with a text that one document holds whole;
        ``documents`` that overlap most with one of these rows, ``documents_kept`` of them in the corpus, and
        the ``largest_kept`` share that such a one holds. None where contamination did not run.
    """
    folder = Path(data) / "contamination"
    if not (folder / "rows.parquet").is_file():
        return None
    texts = read_table(folder / "rows.parquet", ["set", "id", "fraction"])
    texts = texts.filter(pc.equal(texts["set"], task))
    largest: dict[str, float] = {}
    for name, fraction in zip(texts["id"].to_pylist(), texts["fraction"].to_pylist(), strict=True):
        largest[name] = max(fraction, largest.get(name, 0.0))
    found = [name in largest for name in ids]
    documents = read_table(folder / "contamination.parquet", ["id", "task", "matched_id", "fraction"])
    rows = set(ids)
    overlapping = {
        row["id"]: row["fraction"]
        for row in documents.filter(pc.equal(documents["task"], task)).to_pylist()
        if row["matched_id"] in rows
    }
    dropped = set(read_table(Path(data) / "ledger" / "ledger.parquet", ["id"])["id"].to_pylist())
    kept = [fraction for name, fraction in overlapping.items() if name not in dropped]
    low, high = wilson(sum(found), len(found))
    about = {
        "rows": len(ids),
        "rows_found": {
            "value": round(sum(found) / len(found), DIGITS),
            "low": round(low, DIGITS),
            "high": round(high, DIGITS),
            "n": sum(found),
        },
        "rows_whole": sum(largest.get(name, 0.0) >= WHOLE for name in ids),
        "documents": len(overlapping),
        "documents_kept": len(kept),
        "largest_kept": round(max(kept, default=0.0), DIGITS),
    }
    return about, [SHARES if each else NONE for each in found]
