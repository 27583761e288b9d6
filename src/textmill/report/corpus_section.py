"""The documents: how many came, how many stayed, what was dropped and why."""

from __future__ import annotations

from typing import Any

from textmill.report.collect import RunFiles
from textmill.report.figures import percent

COLOURS = 6
STEPS = {
    "exclude": "After the exclusion list",
    "mix": "After mixing sources and languages",
    "clean": "After the language filter",
    "annotate": "After the quality rules",
    "quality": "After the learned quality score",
    "contamination": "After the test-set check",
    "dedup": "After deduplication",
}


def documents_in(files: RunFiles) -> int | None:
    """Documents that were ingested."""
    if files.corpus is not None:
        return int(files.corpus["documents"]["in"])
    return files.manifest["documents"] if files.manifest else None


def sources(files: RunFiles) -> list[dict[str, Any]]:
    """The manifest's sources with their names, in the manifest's order."""
    return [{"name": name, **facts} for name, facts in (files.manifest or {}).get("sources", {}).items()]


def funnel(files: RunFiles) -> list[dict[str, Any]]:
    """Documents left after each stage that found reasons to drop: label, documents, share in percent."""
    if files.corpus is None or not files.corpus["documents"]["in"]:
        return []
    came = files.corpus["documents"]["in"]
    steps = {"Came in": came}
    for row in files.corpus["dropped"]:
        family = row["rule"].partition(".")[0]
        steps[STEPS.get(family) or STEPS.get(row["stage"], f"After {row['stage']}")] = row["left"]
    steps["Kept for training"] = files.corpus["documents"]["train"]
    steps["Kept for validation"] = files.corpus["documents"]["validation"]
    return [
        {"label": label, "documents": left, "share": round(100 * left / came, 1)}
        for label, left in steps.items()
    ]


def unreadable(files: RunFiles) -> dict[str, Any]:
    """What ingest could not read, by source; empty if it read everything."""
    rows = (files.corpus or {}).get("unreadable", {})
    if not rows:
        return {}
    return {
        "total": sum(rows.values()),
        "sources": [{"name": name, "records": rows[name]} for name in sorted(rows)],
    }


def removal_reasons(files: RunFiles, most: int) -> dict[str, Any]:
    """Dropped documents by rule, split by source: rows for stacked bars, the sources with their colours."""
    by_rule: dict[str, dict[str, int]] = {}
    by_source: dict[str, int] = {}
    for source, counts in (files.corpus or {}).get("sources", {}).items():
        for row in counts["dropped"]:
            by_rule.setdefault(row["rule"], {})[source] = row["documents"]
            by_source[source] = by_source.get(source, 0) + row["documents"]
    names = sorted(by_source, key=lambda name: (-by_source[name], name))
    colours = {name: f"b{min(place, COLOURS - 1) + 1}" for place, name in enumerate(names)}
    ranked = sorted(by_rule.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    largest = sum(ranked[0][1].values()) if ranked else 1
    rows = []
    for rule, parts in ranked[:most]:
        segments = [
            {
                "source": name,
                "documents": parts[name],
                "width": round(100 * parts[name] / largest, 2),
                "colour": colours[name],
            }
            for name in names
            if name in parts
        ]
        rows.append({"rule": rule, "documents": sum(parts.values()), "segments": segments})
    return {
        "rows": rows,
        "rest": sum(sum(parts.values()) for _, parts in ranked[most:]),
        "rest_rules": max(len(ranked) - most, 0),
        "sources": [{"name": name, "colour": colours[name], "documents": by_source[name]} for name in names],
        "total": sum(by_source.values()),
    }


def contamination(files: RunFiles) -> list[dict[str, Any]]:
    """For each evaluation set its rows and how many the documents share text with, those most found first."""
    sets = (files.contamination or {}).get("sets", {})
    rows = [{"name": name, **figures} for name, figures in sets.items()]
    return sorted(rows, key=lambda row: (-row["rows_found"], row["name"]))


def mix(files: RunFiles) -> dict[str, list[dict[str, Any]]]:
    """What was kept by source and by language: documents, kept rate, characters and their share (percent)."""
    corpus = files.corpus or {}
    found = {}
    for key in ("sources", "languages"):
        total = max(sum(counts["characters"]["kept"] for counts in corpus.get(key, {}).values()), 1)
        rows = [
            {
                "name": name,
                "documents": counts["documents"]["kept"],
                "rate": percent(counts["documents"]["kept"] / max(counts["documents"]["in"], 1)),
                "characters": counts["characters"]["kept"],
                "share": round(100 * counts["characters"]["kept"] / total, 1),
            }
            for name, counts in corpus.get(key, {}).items()
        ]
        found[key] = sorted(rows, key=lambda row: (-row["characters"], row["name"]))
    return found
