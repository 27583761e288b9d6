"""The documents: how many came, how many stayed, what was dropped and why."""

from __future__ import annotations

from typing import Any

from textmill.report.collect import RunFiles
from textmill.report.figures import percent

STAGE_ORDER = ("ingest", "clean", "annotate", "contamination", "dedup", "select")
COLOURS = 6


def documents_in(files: RunFiles) -> int | None:
    """Documents that were ingested."""
    if files.manifest is None:
        return None
    return sum(int(source.get("documents", 0)) for source in sources(files))


def sources(files: RunFiles) -> list[dict[str, Any]]:
    """The manifest's sources as a list with names, in the manifest's order."""
    listed = (files.manifest or {}).get("sources", [])
    if isinstance(listed, dict):
        return [{"name": name, **facts} for name, facts in listed.items()]
    return list(listed)


def funnel(files: RunFiles) -> list[dict[str, Any]]:
    """Documents left after each step that drops: label, documents, share of what came in."""
    came = documents_in(files)
    if not came:
        return []
    steps = [{"label": "Came in", "documents": came, "dropped": 0}]
    by_stage: dict[str, int] = {}
    for row in files.dropped:
        by_stage[row["stage"]] = by_stage.get(row["stage"], 0) + row["documents"]
    order = {name: place for place, name in enumerate(STAGE_ORDER)}
    left = came
    for stage in sorted(by_stage, key=lambda name: (order.get(name, len(order)), name)):
        left -= by_stage[stage]
        steps.append({"label": f"After {stage}", "documents": left, "dropped": by_stage[stage]})
    steps.append({"label": "Kept", "documents": left, "dropped": 0})
    return [{**step, "share": round(100 * step["documents"] / came, 2)} for step in steps]


def removal_reasons(files: RunFiles, most: int) -> dict[str, Any]:
    """Dropped documents by rule, split by source: rows for stacked bars, the sources with their colours."""
    by_rule: dict[tuple[str, str], dict[str, int]] = {}
    by_source: dict[str, int] = {}
    for row in files.dropped:
        rule = by_rule.setdefault((row["stage"], row["rule"]), {})
        rule[row["source"]] = rule.get(row["source"], 0) + row["documents"]
        by_source[row["source"]] = by_source.get(row["source"], 0) + row["documents"]
    names = sorted(by_source, key=lambda name: (-by_source[name], name))
    colours = {name: f"c{min(place, COLOURS - 1) + 1}" for place, name in enumerate(names)}
    ranked = sorted(by_rule.items(), key=lambda item: (-sum(item[1].values()), item[0]))
    largest = sum(ranked[0][1].values()) if ranked else 1
    rows = []
    for (stage, rule), parts in ranked[:most]:
        total = sum(parts.values())
        segments = [
            {"source": name, "documents": parts[name], "width": round(100 * parts[name] / largest, 2), "colour": colours[name]}
            for name in names if name in parts
        ]  # fmt: skip
        rows.append({"stage": stage, "rule": rule, "documents": total, "segments": segments})
    rest = sum(sum(parts.values()) for _, parts in ranked[most:])
    return {
        "rows": rows,
        "rest": rest,
        "rest_rules": max(len(ranked) - most, 0),
        "sources": [{"name": name, "colour": colours[name], "documents": by_source[name]} for name in names],
        "total": sum(by_source.values()),
    }


def mix(files: RunFiles) -> dict[str, list[dict[str, Any]]]:
    """Kept documents by source and by language: seen, kept, kept rate, share of what was kept."""
    kept_rate = (files.bias or {}).get("kept_rate", {})
    found = {}
    for key, listed in (("source", "sources"), ("language", "languages")):
        rows = [
            {
                "name": row[key],
                "seen": row["documents"],
                "kept": round(row["kept"]["value"] * row["documents"]),
                "rate": percent(row["kept"]["value"]),
            }
            for row in kept_rate.get(listed, [])
        ]
        total = max(sum(row["kept"] for row in rows), 1)
        rows = [{**row, "share": round(100 * row["kept"] / total, 2)} for row in rows]
        found[listed] = sorted(rows, key=lambda row: (-row["kept"], row["name"]))
    return found
