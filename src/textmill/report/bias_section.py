"""Bias of the corpus and of the models."""

from __future__ import annotations

from typing import Any

from textmill.report.collect import RunFiles
from textmill.report.figures import interval, number, p_value, percent, words
from textmill.report.forest import whiskers
from textmill.report.mitigation_section import mitigation

LABELS = 8


def corpus_bias(files: RunFiles, most: int) -> dict[str, Any] | None:
    """Representation by axis, the clearest associations and differences of kept rates; None if unmeasured."""
    report = files.bias
    if report is None:
        return None
    near = sorted(report["association"], key=lambda row: (row["p_adjusted"], -abs(row["z"]), _key(row)))[
        :most
    ]
    compared = report["kept_rate"]["groups"] + report["kept_rate"].get("dialects", [])
    parity = sorted(
        compared, key=lambda row: (row["p_adjusted"], -abs(row["stratified"]["value"]), _key(row))
    )[:most]
    rules, labels = report.get("rules", {"rows": [], "too_few": 0}), report.get("labels", {})
    by_rule = _clearest(rules["rows"], most)
    by_label = _clearest(labels.get("comparisons", []), most)
    return {
        "warnings": report["warnings"],
        "languages": report["languages"],
        "axes": _axes(report["representation"]),
        "association": _placed(near, [(row["log_odds"], row["low"], row["high"]) for row in near]),
        "associations": len(report["association"]),
        "parity": _placed(parity, [_triple(row["stratified"]) for row in parity], share=True),
        "parities": len(compared),
        "rules": _placed(by_rule, [_triple(row["difference"]) for row in by_rule], share=True),
        "rule_rows": len(rules["rows"]),
        "rules_too_few": rules["too_few"],
        "labels": _placed(by_label, [_triple(row["difference"]) for row in by_label], share=True),
        "label_rows": len(labels.get("comparisons", [])),
        "tasks": _tasks(labels.get("tasks", {})),
        "notes": _notes(report["languages"]),
        "vectors": word_vectors(files.embeddings, most),
        "mitigation": mitigation(files.mitigation, most),
        "confidence": percent(report["confidence"], 0),
    }


def word_vectors(report: dict[str, Any] | None, most: int) -> dict[str, Any] | None:
    """The association tests on word vectors, clearest first; None where the stage is off or did not run."""
    if report is None or not report["methods"]:
        return None
    rows = sorted(
        report["tests"],
        key=lambda row: (row["p_adjusted"], -abs(row["effect"]["value"]), row["language"], row["name"]),
    )[:most]
    figures = [_triple(row["effect"]) for row in rows]
    return {
        "rows": [
            {
                **row,
                "value": number(value, True, 2),
                "interval": interval(low, high, True, 2),
                "p": p_value(row["p_adjusted"]),
                "beyond_chance": row["p_adjusted"] < 0.05,
                "place": place,
                "sets": {key: words(row[key]).lower() for key in "xyab"},
            }
            for row, (value, low, high), place in zip(
                rows, figures, whiskers(figures, reference=0.0), strict=True
            )
        ],
        "tests": len(report["tests"]),
        "skipped": [f"{row['name']} ({row['language']})" for row in report["skipped"]],
        "samples": [{"language": language, **facts} for language, facts in report["samples"].items()],
    }


def _clearest(rows: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["p_adjusted"], -abs(row["difference"]["value"]), _key(row)))[
        :most
    ]


def _tasks(tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """Per task its labels as `positive 52 %, negative 48 %`, and how many rows name any group."""
    return [
        {
            "name": name,
            "rows": task["rows"],
            "labels": ", ".join(
                f"{row['label']} {percent(row['share']['value'])}" for row in task.get("labels", [])[:LABELS]
            ),
            "more": max(len(task.get("labels", [])) - LABELS, 0),
            "groups": len(task["groups"]),
        }
        for name, task in tasks.items()
    ]


def _notes(languages: dict[str, Any]) -> list[dict[str, str]]:
    """What the lists of words cannot tell apart, per language and axis."""
    return [
        {"language": language, "axis": words(axis), "note": note}
        for language, facts in languages.items()
        for axis, note in facts.get("notes", {}).items()
    ]


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        str(row.get(key, ""))
        for key in ("task", "kind", "rule", "language", "axis", "group", "source", "split", "attribute")
    )


def _triple(figure: dict[str, float]) -> tuple[float, float, float]:
    return figure["value"], figure["low"], figure["high"]


def _axes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_axis: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_axis.setdefault((row["language"], row["axis"]), []).append(row)
    axes = []
    for (language, axis), members in by_axis.items():
        named = sorted(
            (row for row in members if row["mentions"]), key=lambda row: (-row["mentions"], row["group"])
        )
        largest = max((row["axis_share"]["high"] for row in named), default=1.0) or 1.0
        axes.append(
            {
                "language": language,
                "axis": words(axis),
                "rows": [_bar(row, largest) for row in named],
                "unnamed": [words(row["group"]) for row in members if not row["mentions"]],
            }
        )
    return axes


def _bar(row: dict[str, Any], largest: float) -> dict[str, Any]:
    share = row["axis_share"]
    return {
        "group": words(row["group"]),
        "mentions": row["mentions"],
        "documents": row["documents"],
        "document_share": percent(row["document_share"]["value"]),
        "share": percent(share["value"]),
        "interval": f"{percent(share['low'])} to {percent(share['high'])}",
        "width": round(100 * share["value"] / largest, 2),
        "left": round(100 * share["low"] / largest, 2),
        "reach": round(100 * (share["high"] - share["low"]) / largest, 2),
    }


def _placed(
    rows: list[dict[str, Any]], figures: list[tuple[float, float, float]], share: bool = False
) -> list[dict[str, Any]]:
    scale, digits = (100, 1) if share else (1, 2)
    return [
        {
            **row,
            "name": _name(row),
            "about": _about(row),
            "value": number(value * scale, True, digits),
            "interval": interval(low * scale, high * scale, True, digits),
            "p": p_value(row["p_adjusted"]),
            "beyond_chance": row["p_adjusted"] < 0.05,
            "place": place,
        }
        for row, (value, low, high), place in zip(
            rows, figures, whiskers(figures, reference=0.0), strict=True
        )
    ]


def _name(row: dict[str, Any]) -> str:
    """The group, or the language, source or split that a row is about; these last as they are written."""
    return words(row["group"]) if "group" in row else str(row[row["kind"]])


def _about(row: dict[str, Any]) -> str:
    """What kind of name that is: `gender · en`, `source`."""
    return f"{words(row['axis']).lower()} · {row['language']}" if "group" in row else row["kind"]
