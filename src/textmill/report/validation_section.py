"""What was expected of data and tokens, what was found, and how far the corpus moved."""

from __future__ import annotations

from typing import Any

from textmill.report import figures
from textmill.report.collect import RunFiles

DATA_DOCS = (
    ("documents", "../.textmill/data_docs/index.html"),
    ("tokens", "../.textmill/data_docs_tokens/index.html"),
)
"""Pages of Great Expectations beside the page; they hold run times, so they are no output and stay behind."""
MOVED = 12


def validation(files: RunFiles) -> dict[str, Any] | None:
    """The expectations of both gates, and what moved most; None if neither has written its report."""
    reports = [each for each in (files.validation, files.validation_tokens) if each is not None]
    if not reports:
        return None
    rows = [
        {
            "name": row["name"],
            "frame": row.get("frame", ""),
            "kind": figures.words(str(row.get("expectation", "")).removeprefix("expect_")).lower(),
            "expected": plain(row["expected"]),
            "observed": plain(row["observed"]),
            "passed": row["passed"],
            "state": "skipped" if row.get("skipped") else "holds" if row["passed"] else "failed",
        }
        for report in reports
        for row in report["expectations"]
    ]
    count = {state: sum(row["state"] == state for row in rows) for state in ("holds", "failed", "skipped")}
    return {
        "passed": all(report["passed"] for report in reports),
        "rows": rows,
        **count,
        "documents": files.validation is not None,
        "tokens": files.validation_tokens is not None,
        "drift": drift((files.validation or {}).get("drift")),
        "pages": DATA_DOCS,
    }


def drift(rows: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """What moved most since the corpus accepted last, and both mixes; None if none is accepted."""
    if rows is None:
        return None
    ranked = sorted(rows, key=lambda row: (row["kind"] != "mix", -row["excess"], row["kind"], row["name"]))
    return [
        {
            "kind": row["kind"],
            "name": row["name"],
            "accepted": figures.number(row["accepted"]),
            "current": figures.number(row["current"]),
            **{name: figures.number(row[name], digits=3) for name in ("psi", "noise", "js", "ks")},
        }
        for row in ranked[:MOVED]
    ]


def plain(value: Any) -> str:
    """A part of a report as a person reads it."""
    if isinstance(value, dict):
        return ", ".join(f"{figures.words(str(key)).lower()} {plain(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(plain(part) for part in value)
    return figures.number(value)
