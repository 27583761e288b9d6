"""Compare a candidate with the champion on the same evaluation rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textmill.errors import UserError
from textmill.registry.evidence import LOWER_IS_BETTER, AgainstChampion
from textmill.tracking.runs import own_model


def compare_predictions(
    metric: str,
    version: str,
    task: Path,
    candidate: Path,
    champion: Callable[[list[str], list[str]], tuple[list[str], str]],
    resamples: int,
    seed: int,
) -> AgainstChampion:
    """Paired bootstrap of the candidate's predictions against the champion's.

    Args:
        metric: name of the metric that decides.
        version: the champion's version, for the record.
        task: directory of the task (data/tasks/T).
        candidate: the candidate's predictions file (`id`, `input`, `target`, `finetuned`).
        champion: (ids, inputs) to the champion's predictions in that order, and how they were come by.
        resamples: bootstrap resamples.
        seed: of the resamples.

    Raises:
        UserError: the metric is unknown for this kind of task.
    """
    from textmill.corpus.shards import read_table
    from textmill.evaluation.metrics.choose import choose_metrics
    from textmill.evaluation.significance import bootstrap
    from textmill.evaluation.task_table import read_task

    about = read_task(task.parent, task.name)
    table = read_table(candidate, ["id", "input", "target", "finetuned"]).to_pydict()
    theirs, method = champion(table["id"], table["input"])
    several = about.languages if len(set(about.languages)) > 1 else ()
    measure = choose_metrics([metric], about.kind, about.labels, about.target_lang, several)[0]
    statistics = {
        "candidate": [measure.statistics(table["finetuned"], table["target"])],
        "champion": [measure.statistics(theirs, table["target"])],
    }
    found = bootstrap([measure], statistics, resamples, seed)[0].compare("candidate", "champion")
    return AgainstChampion(version, metric, found.difference, found.low, found.high, found.verdict, method)


def compare_intervals(
    metric: str, version: str, ours: dict[str, Any], theirs: dict[str, Any]
) -> AgainstChampion:
    """Compare two evaluation reports by their intervals, where no predictions are kept.

    The interval of the difference adds the two half-widths in quadrature, as for independent figures.
    Both were measured on the same rows, so the true interval is narrower: a difference that is called
    won or lost here is one.

    Raises:
        UserError: a report lacks the metric.
    """
    a, b = (_figure(report, metric) for report in (ours, theirs))
    difference = a["value"] - b["value"]
    below = ((a["value"] - a["low"]) ** 2 + (b["high"] - b["value"]) ** 2) ** 0.5
    above = ((a["high"] - a["value"]) ** 2 + (b["value"] - b["low"]) ** 2) ** 0.5
    low, high = difference - below, difference + above
    sign = -1 if metric in LOWER_IS_BETTER else 1
    better, worse = sorted((sign * low, sign * high), reverse=True)
    verdict = "won" if worse > 0 else "lost" if better < 0 else "tied"
    return AgainstChampion(version, metric, difference, low, high, verdict, "intervals, not paired")


def _figure(report: dict[str, Any], metric: str) -> dict[str, float]:
    figures = report["models"][own_model(report)]["metrics"]
    if metric not in figures:
        raise UserError(
            f"params.yaml: gates: champion.metric: {metric} is not in the evaluation report "
            f"of {report['name']}, which has {', '.join(sorted(figures))}."
        )
    figure = figures[metric]
    value = float(figure["value"])
    low, high = figure.get("low"), figure.get("high")
    return {"value": value, "low": value if low is None else low, "high": value if high is None else high}
