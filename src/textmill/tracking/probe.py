"""Ask a tracking store a question without importing MLflow, which takes seconds.

Answers come straight from SQLite or from MLflow's REST API; any doubt is answered with None, and the
caller then asks through MLflow itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

SECONDS = 2.0
AUTHENTICATION = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_AUTH")


def run_exists(uri: str, run_id: str) -> bool | None:
    """Whether the store has the run and it is not deleted; None if this cannot be told."""
    if uri.startswith("sqlite:///"):
        rows = _select(uri, "SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,))
        return None if rows is None else rows == [("active",)]
    answer = _get(uri, "runs/get", {"run_id": run_id})
    return (
        None if answer is None else answer.get("run", {}).get("info", {}).get("lifecycle_stage") == "active"
    )


def aliases(uri: str, name: str) -> dict[str, str] | None:
    """The aliases of a registered model, alias to version; None if this cannot be told."""
    if uri.startswith("sqlite:///"):
        query = "SELECT alias, version FROM registered_model_aliases WHERE name = ?"
        rows = _select(uri, query, (name,))
        return None if rows is None else {alias: str(version) for alias, version in rows}
    answer = _get(uri, "registered-models/get", {"name": name})
    if answer is None:
        return None
    found = answer.get("registered_model", {}).get("aliases", [])
    return {item["alias"]: str(item["version"]) for item in found}


def versions(uri: str) -> list[dict[str, Any]] | None:
    """The versions of every registered model; None if this cannot be told.

    Returns:
        For each ``name``, ``version``, ``run_id``, ``artifacts`` (where its run keeps files, as a URI) and
        ``aliases``.
    """
    if not uri.startswith("sqlite:///"):
        return None
    rows = _select(
        uri,
        "SELECT v.name, v.version, v.run_id, r.artifact_uri FROM model_versions v LEFT JOIN runs r "
        "ON r.run_uuid = v.run_id WHERE v.current_stage != ? ORDER BY v.name, v.version",
        ("Deleted_Internal",),
    )
    if rows is None:
        return None
    held = {name: aliases(uri, name) or {} for name in {row[0] for row in rows}}
    return [
        {
            "name": name,
            "version": str(version),
            "run_id": run or "",
            "artifacts": place or "",
            "aliases": sorted(alias for alias, number in held[name].items() if number == str(version)),
        }
        for name, version, run, place in rows
    ]


def _select(uri: str, query: str, values: tuple[str, ...]) -> list[tuple[Any, ...]] | None:
    path = uri.removeprefix("sqlite:///").split("?")[0]
    if not Path(path).is_file():
        return []
    try:
        with contextlib.closing(
            sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=ro", uri=True, timeout=SECONDS)
        ) as store:
            return store.execute(query, values).fetchall()
    except sqlite3.Error as error:
        return [] if "no such table" in str(error) else None


def _get(uri: str, method: str, values: dict[str, str]) -> dict[str, Any] | None:
    if not uri.startswith(("http://", "https://")) or any(os.environ.get(name) for name in AUTHENTICATION):
        return None
    address = f"{uri.rstrip('/')}/api/2.0/mlflow/{method}?{urllib.parse.urlencode(values)}"
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {} if error.code == 404 else None
    except (OSError, ValueError):
        return None
