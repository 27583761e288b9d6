"""A hyper-parameter search as an MLflow run with its trials nested in it. Fail-open."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textmill.tracking.runs import METRICS_PER_CALL, _slices, _text, flatten, metric_name
from textmill.tracking.store import TrackingUnreachable, connected, experiment_id, tracking_uri

SEARCH, TRIAL, STATE = "textmill.search", "textmill.trial", "textmill.trial_state"
PARENT = "mlflow.parentRunId"
SECONDS = 10


@dataclass(frozen=True)
class TrialRecord:
    """A finished trial.

    Attributes:
        number: from 0.
        state: ``complete``, ``pruned`` or ``failed``.
        params: what was tried.
        points: figure by number of the validation.
        value: the figure that counts; None where there is none.
        started, ended: milliseconds since 1970.
    """

    number: int
    state: str
    params: Mapping[str, Any]
    points: Mapping[int, float]
    value: float | None
    started: int
    ended: int


@dataclass(frozen=True)
class SearchRecord:
    """A search so far: its name, a key that no other has, settings, the figure, the number of the best."""

    name: str
    key: str
    params: Mapping[str, Any]
    figure: str
    trials: Sequence[TrialRecord]
    best: int | None = None
    over: bool = False


@dataclass
class TrialSender:
    """Sends a search after each trial; what is there already is not sent twice.

    The first failure is said in `problem`; then only the last call tries again.
    """

    root: Path
    experiment: str = "textmill"
    problem: str = ""
    _there: set[int] = field(default_factory=set)

    def send(self, record: SearchRecord) -> None:
        """Bring the store up to date with `record`; never raises for what is wrong with the store."""
        if self.problem and not record.over:
            return
        try:
            with connected(self.root, timeout=SECONDS) as client:
                self._write(client, record)
            self.problem = ""
        except TrackingUnreachable:
            self.problem = f"MLflow at {tracking_uri(self.root)} does not answer"
        except Exception as error:  # fail-open: a search must never depend on a tracking server
            first = (str(error).splitlines() or [""])[0]
            self.problem = f"MLflow: {type(error).__name__}: {first}"

    def _write(self, client: Any, record: SearchRecord) -> None:
        experiment = experiment_id(client, self.root, f"{self.experiment}/search")
        parent = _parent(client, experiment, record)
        if not self._there:
            self._there = _complete_trials(client, experiment, parent)
        for trial in record.trials:
            if trial.number not in self._there:
                _write_trial(client, experiment, parent, record, trial)
                self._there.add(trial.number)
        best = next((trial for trial in record.trials if trial.number == record.best), None)
        if best is not None and best.value is not None:
            client.log_metric(
                parent, metric_name(f"best_{record.figure}"), best.value, step=len(record.trials)
            )
            client.set_tag(parent, "textmill.best_trial", str(best.number))
        if record.over:
            client.set_terminated(parent, "FINISHED")


def _parent(client: Any, experiment: str, record: SearchRecord) -> str:
    from mlflow.entities import Param

    where = f"tags.`{SEARCH}` = '{record.key}' and tags.`{TRIAL}` = 'all'"
    found = client.search_runs([experiment], filter_string=where)
    if found:
        return found[0].info.run_id
    run = client.create_run(experiment, run_name=record.name, tags={SEARCH: record.key, TRIAL: "all"})
    params = [Param(metric_name(name), _text(value)) for name, value in flatten(dict(record.params)).items()]
    client.log_batch(run.info.run_id, params=params[:100])
    return run.info.run_id


def _complete_trials(client: Any, experiment: str, parent: str) -> set[int]:
    """The numbers of the trials that the store has; one that was cut short while it was sent is deleted."""
    found, token = set(), None
    while True:
        page = client.search_runs(
            [experiment], filter_string=f"tags.`{PARENT}` = '{parent}'", max_results=500, page_token=token
        )
        for run in page:
            if run.info.status == "RUNNING":
                client.delete_run(run.info.run_id)
            else:
                found.add(int(run.data.tags[TRIAL]))
        token = page.token
        if not token:
            return found


def _write_trial(client: Any, experiment: str, parent: str, record: SearchRecord, trial: TrialRecord) -> None:
    from mlflow.entities import Metric, Param

    tags = {PARENT: parent, SEARCH: record.key, TRIAL: str(trial.number), STATE: trial.state}
    name = f"{record.name}-{trial.number:03d}"
    run = client.create_run(experiment, start_time=trial.started, run_name=name, tags=tags)
    params = [Param(metric_name(key), _text(value)) for key, value in trial.params.items()]
    figure = metric_name(f"validation_{record.figure}")
    metrics = [Metric(figure, value, trial.ended, step) for step, value in sorted(trial.points.items())]
    if trial.value is not None:
        metrics.append(Metric(metric_name(record.figure), trial.value, trial.ended, 0))
    client.log_batch(run.info.run_id, params=params)
    for some in _slices(metrics, METRICS_PER_CALL):
        client.log_batch(run.info.run_id, metrics=some)
    status = {"complete": "FINISHED", "failed": "FAILED"}.get(trial.state, "KILLED")
    client.set_terminated(run.info.run_id, status, end_time=trial.ended or int(time.time() * 1000))
