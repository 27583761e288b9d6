"""Which findings a person should look at: beyond chance, and large enough to matter."""

from __future__ import annotations

from typing import Any

from textmill.config.bias import Bias


def warnings_of(report: dict[str, Any], settings: Bias) -> list[dict[str, Any]]:
    """Findings with an adjusted p below the false discovery rate and a size above the params' limit."""
    return [
        *_kept_rate(report, settings),
        *_association(report, settings),
        *_labels(report.get("labels", {}), settings),
    ]


def _kept_rate(report: dict[str, Any], settings: Bias) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in report["kept_rate"]["groups"] + report["kept_rate"]["dialects"]:
        value = row["stratified"]["value"]
        if row["p_adjusted"] < settings.false_discovery_rate and abs(value) >= settings.warn_kept_difference:
            verb = "more" if value < 0 else "less"
            whose = (
                f"documents that show the variety {row['group']} are dropped {verb} often than like "
                "documents that do not"
                if row["axis"] == "dialect"
                else f"documents that name {row['group']} ({row['axis']}) are dropped {verb} often than like "
                "documents that name no group"
            )
            rule = _main_rule(report["rules"]["rows"], row, value)
            found.append(
                {
                    "kind": "kept_rate",
                    **{key: row[key] for key in ("language", "axis", "group")},
                    "value": value,
                    "limit": settings.warn_kept_difference,
                    "rule": rule,
                    "message": f"{row['language']}: {whose}: kept rate {value:+.1%}"
                    + (f", most by {rule}." if rule else "."),
                }
            )
    return found


def _association(report: dict[str, Any], settings: Bias) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in report["association"]:
        if (
            row["p_adjusted"] < settings.false_discovery_rate
            and abs(row["log_odds"]) >= settings.warn_log_odds
        ):
            verb = "nearer to" if row["log_odds"] > 0 else "farther from"
            found.append(
                {
                    "kind": "association",
                    **{key: row[key] for key in ("language", "axis", "group", "attribute")},
                    "value": row["log_odds"],
                    "limit": settings.warn_log_odds,
                    "message": f"{row['language']}: {row['attribute']} terms stand {verb} {row['group']} "
                    f"({row['axis']}) than to the other groups: log-odds {row['log_odds']:+.2f}.",
                }
            )
    return found


def _labels(report: dict[str, Any], settings: Bias) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in report.get("comparisons", []):
        value = row["difference"]["value"]
        if row["kind"] != "group" or row["p_adjusted"] >= settings.false_discovery_rate:
            continue
        if abs(value) >= settings.warn_label_difference:
            found.append(
                {
                    "kind": "labels",
                    **{key: row[key] for key in ("task", "language", "axis", "group", "label")},
                    "value": value,
                    "limit": settings.warn_label_difference,
                    "message": f"{row['task']}: rows that name {row['group']} ({row['axis']}, "
                    f"{row['language']}) are labelled {row['label']} {abs(value):.1%} "
                    f"{'more' if value > 0 else 'less'} often than the others.",
                }
            )
    return found


def _main_rule(rows: list[dict[str, Any]], of: dict[str, Any], value: float) -> str | None:
    """The rule that makes most of a difference of kept rates."""
    mine = [
        row for row in rows
        if row["kind"] in ("group", "dialect")
        and all(row[key] == of[key] for key in ("language", "axis", "group"))
    ]  # fmt: skip
    best = max(mine, key=lambda row: -row["difference"]["value"] * value, default=None)
    return best["rule"] if best and best["difference"]["value"] * value < 0 else None
