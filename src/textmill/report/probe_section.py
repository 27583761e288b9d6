"""What models have learned: stereotypes, groups treated unlike, remembered text."""

from __future__ import annotations

from typing import Any

from textmill.report.collect import RunFiles
from textmill.report.figures import interval, number, p_value, words
from textmill.report.forest import whiskers

TESTS = 12
"""Association tests shown of one probe, the clearest first."""

TITLES = {
    "bbq": "BBQ",
    "bold": "BOLD",
    "crows_pairs": "CrowS-Pairs",
    "memorization": "Remembered text",
    "seat": "Associations of embeddings",
    "stereoset": "StereoSet",
    "winobias": "WinoBias",
}


def probes(files: RunFiles) -> list[dict[str, Any]]:
    """Per model probed with CrowS-Pairs, its scores by axis with intervals."""
    found = []
    for name, report in files.probes.items():
        rows = _crows_pairs(report)
        if not rows:
            continue
        places = whiskers([(row["value"], row["low"], row["high"]) for row in rows], reference=50.0)
        found.append(
            {
                "name": name,
                "about": report.get("model", ""),
                "rows": [
                    {
                        "axis": words(row["axis"]),
                        "n": row.get("n"),
                        "value": number(row["value"], digits=1),
                        "interval": interval(row["low"], row["high"], digits=1),
                        "place": place,
                    }
                    for row, place in zip(rows, places, strict=True)
                ],
            }
        )
    return found


def _crows_pairs(report: dict[str, Any]) -> list[dict[str, Any]]:
    overall = [{"axis": "overall", **report["overall"]}] if isinstance(report.get("overall"), dict) else []
    axes = report.get("axes", {})
    listed = (
        [{"axis": name, **row} for name, row in sorted(axes.items())]
        if isinstance(axes, dict)
        else list(axes)
    )
    return [row for row in overall + listed if {"value", "low", "high"} <= set(row)]


def measured(files: RunFiles) -> list[dict[str, Any]]:
    """The other probes: measures with intervals, association tests, what was left out, and samples."""
    found = []
    for name, report in files.probes.items():
        if not ({"measures", "tests"} & set(report)):
            continue
        found.append(
            {
                "name": name,
                "title": TITLES.get(report.get("probe", ""), words(report.get("probe", ""))),
                "model": report.get("model", ""),
                "method": report.get("method", ""),
                "measures": [_measure(key, each) for key, each in report.get("measures", {}).items()],
                "tests": _tests(report.get("tests", [])),
                "all_tests": len(report.get("tests", [])),
                "skipped": [
                    {"name": words(key), "why": why} for key, why in report.get("skipped", {}).items()
                ],
                "samples": report.get("samples", []),
            }
        )
    return found


def fairness(files: RunFiles) -> list[dict[str, Any]]:
    """Per classifier, how often swapped identities change its answer, and gaps between groups."""
    found = []
    for name, report in files.evaluation.items():
        if not report.get("fairness"):
            continue
        measures = report["fairness"]["measures"]
        found.append({"name": name, "measures": [_measure(key, each) for key, each in measures.items()]})
    return found


def _measure(name: str, measure: dict[str, Any]) -> dict[str, Any]:
    rows = [{"axis": "overall", **measure["overall"]}]
    rows += [{"axis": axis, **row} for axis, row in measure.get("axes", {}).items()]
    rows = [row for row in rows if {"value", "low", "high"} <= set(row)]
    reference = measure.get("no_difference")
    places = whiskers([(row["value"], row["low"], row["high"]) for row in rows], reference)
    digits = 1 if any(abs(row["high"]) > 10 for row in rows) else 3
    return {
        "name": words(name),
        "about": measure["about"],
        "rows": [
            {
                "axis": words(row["axis"]),
                "n": row["n"],
                "value": number(float(row["value"]), digits=digits),
                "interval": interval(row["low"], row["high"], digits=digits),
                "place": place,
            }
            for row, place in zip(rows, places, strict=True)
        ],
    }


def _tests(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    clearest = sorted(
        rows, key=lambda row: (row["p_adjusted"], -abs(row["effect"]["value"]), row["language"], row["name"])
    )[:TESTS]
    figures = [(row["effect"]["value"], row["effect"]["low"], row["effect"]["high"]) for row in clearest]
    return [
        {
            "name": row["name"],
            "about": f"{words(row['axis']).lower()} · {row['language']}",
            "value": number(value, signed=True, digits=2),
            "interval": interval(low, high, signed=True, digits=2),
            "p": p_value(row["p_adjusted"]),
            "beyond_chance": row["p_adjusted"] < 0.05,
            "place": place,
        }
        for row, (value, low, high), place in zip(
            clearest, figures, whiskers(figures, reference=0.0), strict=True
        )
    ]
