"""The models: verdicts, metrics with intervals, comparisons, loss curves, samples, probes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from textmill.config.registry import RegisteredModel
from textmill.report.charts import Series, line_chart, thin
from textmill.report.collect import ReportSettings, RunFiles
from textmill.report.figures import (
    LOWER_IS_BETTER,
    interval,
    metric_digits,
    metric_name,
    number,
    p_value,
    percent,
    words,
)
from textmill.report.forest import whiskers

MAIN_METRICS = ("macro_f1", "bits_per_byte", "loss", "accuracy")
SHOWN_CHARACTERS = 600


def subject(report: dict[str, Any]) -> str:
    """The model that a report judges: the one its comparisons speak for, else the first it lists."""
    compared = report.get("comparisons") or []
    return compared[0]["model"] if compared else next(iter(report.get("models", {})), "")


def required(settings: ReportSettings, name: str | None) -> list[tuple[str, str]]:
    """The (metric, against) pairs that the gates of a registered model want won."""
    gates = settings.gates.models.get(name or "")
    return [(item.metric, item.against) for item in gates.beats] if gates else []


def registered(settings: ReportSettings, folder: str, stem: str) -> RegisteredModel | None:
    """The registry's entry whose report is reports/`folder`/`stem`.json."""
    wanted = PurePosixPath("reports") / folder / f"{stem}.json"
    return next((model for model in settings.registry.models if PurePosixPath(model.report) == wanted), None)


def judged(files: RunFiles, settings: ReportSettings) -> list[dict[str, Any]]:
    """One view per evaluation report: tasks first, then language models."""
    views = []
    for folder, reports in (("evaluation", files.evaluation), ("language_models", files.language_models)):
        for stem, report in reports.items():
            model = registered(settings, folder, stem)
            views.append(_view(stem, folder, report, model, settings))
    return views


def _view(
    stem: str, folder: str, report: dict[str, Any], model: RegisteredModel | None, settings: ReportSettings
) -> dict[str, Any]:
    own = subject(report)
    wanted = required(settings, model.name if model else None)
    comparisons = _comparisons(report, wanted)
    found = {(row["metric"], row["against_key"]): row["verdict"] for row in comparisons}
    metrics = list(report.get("models", {}).get(own, {}).get("metrics", {}))
    main = next((name for name, _ in wanted if name in metrics), None)
    main = main or next((name for name in MAIN_METRICS if name in metrics), metrics[0] if metrics else "")
    return {
        "anchor": f"{folder}-{stem}",
        "report": f"reports/{folder}/{stem}.json",
        "task": report.get("task") if folder == "evaluation" else None,
        "name": model.name if model else stem,
        "stem": stem,
        "kind": report.get("kind", stem),
        "purpose": model.card if model else "",
        "n": report.get("n"),
        "test_sha256": report.get("test_sha256"),
        "main": metric_name(main) if main else "",
        "main_value": _cell(main, report["models"][own]["metrics"][main]) if main else None,
        "metrics": [{"name": metric_name(name), "lower": name in LOWER_IS_BETTER} for name in metrics],
        "rows": _metric_rows(report, own, metrics),
        "chart": _metric_chart(report, own, main),
        "comparisons": comparisons,
        "required": len(wanted),
        "won": sum(found.get(pair) == "won" for pair in wanted),
        "unmet": [_unmet(pair, found.get(pair)) for pair in wanted if found.get(pair) != "won"],
        "slices": _slices(report, own, main),
        "contamination": _contamination(report),
        "samples": _samples(report, own, settings.report.samples),
    }


def _contamination(report: dict[str, Any]) -> dict[str, Any] | None:
    """How many test rows share text with documents, and what of it the corpus still holds."""
    found = report.get("contamination")
    if not found:
        return None
    share = found["rows_found"]
    return {
        "rows": found["rows"],
        "share": percent(share["value"]),
        "interval": f"[{percent(share['low'])}, {percent(share['high'])}]",
        "whole": found["rows_whole"],
        "documents": found["documents"],
        "kept": found["documents_kept"],
        "largest": percent(found["largest_kept"]),
    }


def _slices(report: dict[str, Any], own: str, metric: str) -> list[dict[str, Any]]:
    """The main metric of this model on parts of the test rows, in groups by what parts them."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in report.get("slices") or []:
        figure = row["models"].get(own, {}).get(metric)
        if figure:
            groups.setdefault(row["by"], []).append({"part": row["part"], "n": row["n"], "figure": figure})
    shown = []
    for by, rows in groups.items():
        places = whiskers(
            [(row["figure"]["value"], row["figure"]["low"], row["figure"]["high"]) for row in rows]
        )
        parts = [
            {"part": row["part"], "n": row["n"], "place": place, **_cell(metric, row["figure"])}
            for row, place in zip(rows, places, strict=True)
        ]
        shown.append({"by": words(by), "parts": parts})
    return shown


def _unmet(pair: tuple[str, str], verdict: str | None) -> str:
    return f"{metric_name(pair[0])} against {words(pair[1])}: {verdict or 'not compared'}"


def _metric_rows(report: dict[str, Any], own: str, metrics: list[str]) -> list[dict[str, Any]]:
    rows = []
    for name, entry in report.get("models", {}).items():
        values = entry.get("metrics", {})
        if not values:
            continue
        cells = [
            _cell(key, values[key])
            if key in values else None
            for key in metrics
        ]  # fmt: skip
        rows.append({"name": _model_name(name, own), "own": name == own, "cells": cells})
    return sorted(rows, key=lambda row: not row["own"])


def _model_name(name: str, own: str) -> str:
    return "This model" if name == own else words(name)


def _cell(metric: str, figure: dict[str, Any]) -> dict[str, str]:
    digits = metric_digits(metric)
    return {
        "value": number(figure["value"], digits=digits),
        "interval": interval(figure.get("low"), figure.get("high"), digits=digits),
    }


def _metric_chart(report: dict[str, Any], own: str, metric: str) -> list[dict[str, Any]]:
    found = [
        (name, entry["metrics"][metric])
        for name, entry in report.get("models", {}).items()
        if metric in entry.get("metrics", {}) and entry["metrics"][metric].get("low") is not None
    ]
    found.sort(
        key=lambda item: (-item[1]["value"] if metric not in LOWER_IS_BETTER else item[1]["value"], item[0])
    )
    places = whiskers([(row["value"], row["low"], row["high"]) for _, row in found])
    return [
        {"name": _model_name(name, own), "own": name == own, "place": place, **_cell(metric, row)}
        for (name, row), place in zip(found, places, strict=True)
    ]


def _comparisons(report: dict[str, Any], wanted: list[tuple[str, str]]) -> list[dict[str, Any]]:
    listed = report.get("comparisons") or []
    by_metric: dict[str, list[dict[str, Any]]] = {}
    for row in listed:
        by_metric.setdefault(row["metric"], []).append(row)
    rows = []
    for metric, members in by_metric.items():
        places = whiskers([(row["difference"], row["low"], row["high"]) for row in members], reference=0.0)
        for row, place in zip(members, places, strict=True):
            rows.append(
                {
                    "metric": metric,
                    "metric_name": metric_name(metric),
                    "against_key": row["against"],
                    "against": words(row["against"]),
                    "difference": number(float(row["difference"]), True, metric_digits(metric)),
                    "interval": interval(row["low"], row["high"], True, metric_digits(metric)),
                    "p": p_value(row.get("p")),
                    "verdict": row["verdict"],
                    "gate": (metric, row["against"]) in wanted,
                    "place": place,
                }
            )
    return rows


def _samples(report: dict[str, Any], own: str, most: int) -> list[dict[str, Any]]:
    shown = []
    for row in (report.get("samples") or [])[:most]:
        others = [key for key in row if key not in ("id", "input", "target", own)]
        shown.append(
            {
                "id": row.get("id", ""),
                "input": _shorten(row.get("input", "")),
                "target": _shorten(row.get("target", "")),
                "own": _shorten(row.get(own, "")),
                "others": [{"name": words(key), "text": _shorten(row[key])} for key in others],
            }
        )
    return shown


def _shorten(text: Any) -> str:
    text = str(text)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS].rstrip() + " …"


def curves(files: RunFiles, most: int) -> list[dict[str, Any]]:
    """A chart per training run: training loss, and validation loss where it was measured."""
    charts = []
    for kind, reports in (("Pretraining", files.pretrain), ("Fine-tuning", files.finetune)):
        for name, report in reports.items():
            for part, curve in _curves_of(report):
                train = [
                    (float(row["step"]), float(row["loss"])) for row in curve if row.get("loss") is not None
                ]
                held_out = [
                    (float(row["step"]), float(row["validation_loss"]))
                    for row in curve if row.get("validation_loss") is not None
                ]  # fmt: skip
                series = [Series("training", thin(train, most), "c1"), Series("validation", held_out, "c2")]
                charts.append(
                    {
                        "title": f"{kind}: {name}" + (f" ({part})" if part else ""),
                        "svg": line_chart(series, "step", "loss"),
                        "facts": training_facts(report),
                        "held_out": bool(held_out),
                    }
                )
    return charts


def _curves_of(report: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    found = [("", report["curve"])] if report.get("curve") else []
    control = report.get("control")
    if isinstance(control, dict) and control.get("curve"):
        found.append(("control", control["curve"]))
    return found


def training_facts(report: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures of a training report, by name."""
    plain = {
        key: value for key, value in report.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }  # fmt: skip
    facts = [(words(key), number(value)) for key, value in sorted(plain.items())]
    return facts + ([("privacy", privacy_words(report["privacy"]))] if report.get("privacy") else [])


def privacy_words(spent: dict[str, Any]) -> str:
    """What a private run has spent, in one line."""
    return (
        f"({spent['epsilon']:.4g}, {spent['delta']:g})-differentially private for a {spent['unit']}: noise "
        f"{spent['noise_multiplier']:.4g} × norm {spent['max_gradient_norm']:g}, {spent['steps']:,} steps, "
        f"{spent['accountant'].upper()} accountant, noise drawn from "
        + ("a secret" if spent["noise_seed"] == "secret" else "the public seed")
    )
