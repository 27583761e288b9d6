"""Write an outbox record as an MLflow run, once per stage key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

STAGE_KEY = "textmill.stage_key"
COMPLETE = "textmill.complete"
EVALUATION = "textmill.evaluation"
METRICS_PER_CALL = 1000
PARAMS_PER_CALL = 100
LENGTH_OF_PARAM = 6000
LENGTH_OF_TAG = 5000


def find_run(client: Any, experiments: list[str], key: str) -> str | None:
    """The id of the finished run of the stage key `key`, or None.

    A run that was cut short while it was written has the key but not the mark of completeness; it is
    deleted, so that the record can be written again from the start.
    """
    runs = client.search_runs(experiments, filter_string=f"tags.`{STAGE_KEY}` = '{key}'")
    done = [run for run in runs if run.data.tags.get(COMPLETE) == "true"]
    for run in runs:
        if run not in done:
            client.delete_run(run.info.run_id)
    return done[0].info.run_id if done else None


def write_run(client: Any, experiment: str, record: dict[str, Any]) -> str:
    """Create the run of a training stage; return its id.

    Args:
        client: an `MlflowClient`.
        experiment: the experiment's id.
        record: an outbox record (`textmill.tracking.outbox`).
    """
    from mlflow.entities import Metric, Param

    entry = record["entry"]
    ended = record["ended"] or int(time.time() * 1000)
    seconds = float(record["final"].get("seconds", 0.0))
    run = client.create_run(
        experiment, start_time=ended - int(seconds * 1000), run_name=entry["stage"], tags=_tags(record)
    )
    run_id = run.info.run_id
    params = [Param(key, text) for key, text in sorted(_params(record).items())]
    for some in _slices(params, PARAMS_PER_CALL):
        client.log_batch(run_id, params=some)
    last = max((step for step, _ in record["points"]), default=0)
    points = [*record["points"], [last, record["final"]]]
    metrics = [
        Metric(metric_name(name), float(value), ended, step)
        for step, values in points
        for name, value in values.items()
    ]
    for some in _slices(metrics, METRICS_PER_CALL):
        client.log_batch(run_id, metrics=some)
    _log_datasets(client, run_id, record)
    client.set_tag(run_id, COMPLETE, "true")
    client.set_terminated(run_id, "FINISHED", end_time=ended)
    return run_id


def write_evaluation(client: Any, run_id: str, key: str, report: dict[str, Any]) -> None:
    """Add the metrics of an evaluation report to the run of the model it judged.

    Every model of the report is logged: `evaluation.bleu` with `evaluation.bleu.low` and `.high` for
    the model of the run, `baseline.copy.bleu` for what it is compared with. A second call with the
    same key (the evaluation's stage key) does nothing.
    """
    from mlflow.entities import Metric, RunTag

    if client.get_run(run_id).data.tags.get(EVALUATION) == key:
        return
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in evaluation_metrics(report).items()]
    verdicts = {
        f"verdict.{item['metric']}.{item['against']}": item["verdict"]
        for item in report.get("comparisons", [])
    }
    tags = [RunTag(metric_name(name), text) for name, text in verdicts.items()]
    for some in _slices(metrics, METRICS_PER_CALL):
        client.log_batch(run_id, metrics=some)
    client.log_batch(run_id, tags=[*tags[:99], RunTag(EVALUATION, key)])


def evaluation_metrics(report: dict[str, Any], model: str | None = None) -> dict[str, float]:
    """The figures of an evaluation report by metric name, intervals included."""
    figures = {}
    own = model or own_model(report)
    for name, values in report["models"].items():
        prefix = "evaluation" if name == own else f"baseline.{name}"
        for metric, figure in values.get("metrics", {}).items():
            figures[metric_name(f"{prefix}.{metric}")] = float(figure["value"])
            if name == own and figure.get("low") is not None:
                figures[metric_name(f"{prefix}.{metric}.low")] = float(figure["low"])
                figures[metric_name(f"{prefix}.{metric}.high")] = float(figure["high"])
    return figures


def own_model(report: dict[str, Any]) -> str:
    """The name under which an evaluation report lists the model it is about."""
    models = report["models"]
    if "finetuned" in models:
        return "finetuned"
    compared = [item["model"] for item in report.get("comparisons", [])]
    return report["name"] if report["name"] in models else (compared or list(models))[0]


def metric_name(name: str) -> str:
    """`name` with the characters MLflow refuses (all but letters, digits, `_-. /`) replaced by `_`."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _tags(record: dict[str, Any]) -> dict[str, str]:
    entry = record["entry"]
    tags = {
        STAGE_KEY: entry["key"],
        "textmill.stage": entry["stage"],
        "textmill.lock_sha256": record["lock_sha256"],
        "textmill.dirty": str(record["dirty"]).lower(),
        "textmill.source": record["source"],
        "mlflow.source.git.commit": record["commit"],
        "mlflow.source.name": entry["cmd"],
    }
    tags |= {f"textmill.out.{path.replace('@', '_')}": value for path, value in entry["outs"].items()}
    return {metric_name(name): text[:LENGTH_OF_TAG] for name, text in tags.items()}


def _params(record: dict[str, Any]) -> dict[str, str]:
    stage, _, item = record["entry"]["stage"].partition("@")
    flat = flatten(record["params"])
    for values in record["entry"]["params"].values():
        for key, value in flatten(values).items():
            flat[key.removeprefix(f"{stage}.{item}.")] = value
    return {metric_name(key): _text(value) for key, value in flat.items()}


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:LENGTH_OF_PARAM]


def _log_datasets(client: Any, run_id: str, record: dict[str, Any]) -> None:
    from textmill.tracking.datasets import dataset_inputs

    rows = {item["path"]: item["rows"] for item in record["datasets"] if "path" in item and "rows" in item}
    inputs = dataset_inputs(record["entry"]["deps"], rows)
    if inputs:
        client.log_inputs(run_id, inputs)


def _slices(items: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
