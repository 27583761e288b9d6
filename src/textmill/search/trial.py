"""One trial: the run with other params, trained in a scratch directory, pruned at its validations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.config.finetune import Finetune
from textmill.config.pretrain import Pretrain
from textmill.progress import Progress
from textmill.training.checkpoints import Checkpoints, run_key
from textmill.training.events import Spool

TOKENS, TOKENIZER = "data/tokens", "models/tokenizer"


class Pruned(Exception):
    """The trial is worse than others at this point."""


@dataclass(frozen=True)
class Watch:
    """Judges a trial at each validation.

    Attributes:
        figure: the name that the validation figure has in the spool.
        report: told the number of the validation (from 1) and the figure; says whether to stop here.
    """

    figure: str
    report: Callable[[int, float], bool]


class WatchedSpool(Spool):
    """A spool that hears every validation and stops the run where the trial is pruned.

    What an interrupted trial has reported before its last checkpoint is reported again from its file.
    """

    def __init__(self, stage: str, resumed: bool, directory: Path, watch: Watch):
        super().__init__(stage, resumed, directory)
        self._watch = watch
        self._heard: list[int] = []
        if resumed:
            for step, values in _points(self.path):
                self._hear(step, values)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """As `Spool.metrics`.

        Raises:
            Pruned: the validation figure says so.
        """
        super().metrics(step, values)
        self._hear(step, values)

    def _hear(self, step: int, values: Mapping[str, float]) -> None:
        if self._watch.figure in values and step not in self._heard:
            self._heard.append(step)
            if self._watch.report(len(self._heard), float(values[self._watch.figure])):
                raise Pruned


def _points(path: Path) -> list[tuple[int, dict[str, float]]]:
    """The metrics in a spool file; a line cut short by a kill is left out."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event") == "metrics":
            found.append((event["step"], event["values"]))
    return found


def inputs_of(params: Finetune | Pretrain) -> tuple[str, ...]:
    """The files and directories that decide a run's result beside its params."""
    if isinstance(params, Finetune):
        return params.base, f"data/tasks/{params.task}"
    return TOKENS, TOKENIZER


def train(params: Finetune | Pretrain, seed: int, folder: Path, watch: Watch, label: str) -> dict[str, Any]:
    """Train the run in `folder`, from its last checkpoint if it was killed there; the report of the run.

    Raises:
        Pruned: `watch` says so.
        UserError: the run has a fault.
    """
    from textmill.training.device import prepare

    prepare(params.threads, seed)
    key = run_key({**params.deciding(), "seed": seed}, inputs_of(params))
    checkpoints = Checkpoints("trial", key, folder / "checkpoints", params.checkpoints)
    spool = WatchedSpool("trial", checkpoints.load() is not None, folder / "events", watch)
    if isinstance(params, Finetune):
        from textmill.training.finetuning.load import load_objective
        from textmill.training.finetuning.run import finetune

        objective = load_objective(params, seed, inputs_of(params)[1])
        with Progress(label, objective.steps(params.epochs), "steps") as progress:
            return finetune(objective, folder / "model", False, checkpoints, spool, progress)
    from textmill.training.pretrain_run import pretrain

    with Progress(label, params.steps, "steps") as progress:
        return pretrain(params, seed, TOKENS, TOKENIZER, folder / "model", checkpoints, spool, progress)
