"""What the mitigations changed: each measure before and after."""

from __future__ import annotations

from typing import Any

from textmill.report.figures import interval, number, percent, words


def mitigation(report: dict[str, Any] | None, most: int) -> dict[str, Any] | None:
    """Measures before and after, largest change first; None where no mitigation was asked for."""
    if report is None or not (report["corpus"] or report["tasks"]):
        return None
    rows = [
        *(_row(row, "named", row["group"], _share, "share of mentions") for row in report["representation"]),
        *(
            _row(row, "association", row["group"], _log_odds, f"log-odds of {row['attribute']}")
            for row in report["association"]
        ),
        *(
            _row(row, "word vectors", row["name"], _effect, f"effect size, {row['method']}")
            for row in report["word_vectors"]
        ),
        *(
            _row(row, task, row["group"], _points, f"share of {row['label']}")
            for task, facts in report["tasks"].items()
            for row in facts["groups"]
        ),
    ]
    rows.sort(key=lambda row: (-row["change"], row["about"], row["name"], row["measure"]))
    return {
        "corpus": report["corpus"],
        "rows": rows[:most],
        "all": len(rows),
        "tasks": [{"name": name, **facts} for name, facts in report["tasks"].items()],
        "languages": [
            {"language": name, "before": percent(mix["before"]), "after": percent(mix["after"])}
            for name, mix in report["mix"].get("languages", {}).items()
        ],
        "confidence": percent(report["confidence"], 0),
    }


def _row(row: dict[str, Any], what: str, name: str, shown: Any, measure: str) -> dict[str, Any]:
    before, after = shown(row["before"]), shown(row["after"])
    return {
        "what": what,
        "name": words(name),
        "about": f"{words(row['axis']).lower()} · {row['language']}",
        "measure": measure,
        "before": before[1],
        "after": after[1],
        "change": abs(after[0] - before[0]),
    }


Shown = tuple[float, dict[str, str]]


def _share(figures: dict[str, Any] | None) -> Shown:
    if figures is None:
        return 0.0, _text(None)
    share = figures["axis_share"]
    value = percent(share["value"])
    return share["value"], {
        "value": value,
        "interval": f"{percent(share['low'])} to {percent(share['high'])}",
    }


def _log_odds(figures: dict[str, Any] | None) -> Shown:
    if figures is None:
        return 0.0, _text(None)
    return figures["log_odds"], _text((figures["log_odds"], figures["low"], figures["high"]))


def _effect(figures: dict[str, Any] | None) -> Shown:
    return _log_odds(
        None if figures is None else {"log_odds": figures["effect"]["value"], **figures["effect"]}
    )


def _points(figures: dict[str, Any]) -> Shown:
    triple = tuple(100 * figures[key] for key in ("value", "low", "high"))
    return figures["value"], _text(triple)


def _text(triple: Any) -> dict[str, str]:
    if triple is None:
        return {"value": "–", "interval": ""}
    value, low, high = triple
    return {"value": number(value, True, 2), "interval": interval(low, high, True, 2)}
