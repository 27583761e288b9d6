"""Helpers of the source tests: settings and the documents that come out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from textmill.config.ingest import Ingest
from textmill.corpus.shards import read_table, shard_paths
from textmill.corpus.sources.ingest import ingest

TEXTS = [
    "The mill stands by the stream.",
    "磨坊坐落在溪水边，水轮不停地转。",
    'Quotes " and, commas\nand lines',
    "naïve café 🎻",
]


def settings(folder: Path, source: dict[str, Any], **more: Any) -> Ingest:
    """Ingest settings with one source named `own`."""
    complete = {"license": "CC0-1.0", **source}
    return Ingest.model_validate({"local": str(folder), "sources": {"own": complete}, **more})


def ingested(folder: Path, source: dict[str, Any], **more: Any) -> pd.DataFrame:
    """The documents of one source, in order; as attributes its manifest, files and what cannot be read."""
    target = folder.parent / f"{folder.name}-raw"
    manifest = ingest(settings(folder, source, **more), target)
    table = pa.concat_tables([read_table(path) for path in shard_paths(target)])
    frame = table.to_pandas()
    frame.attrs["manifest"] = manifest["sources"]["own"]
    frame.attrs["unreadable"] = read_table(target / "unreadable.parquet").to_pylist()
    frame.attrs["files"] = read_table(target / "files.parquet").to_pylist()
    return frame


def write_lines(path: Path, rows: list[Any]) -> Path:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
