"""`textmill search`: carry out a search of params.yaml, or go on with it, and say who won."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textmill.config.load import params_file, read_params, validated
from textmill.config.search import Search
from textmill.errors import UserError
from textmill.search.space import check, figure, run_params, suggested
from textmill.search.study import locked, next_trial, open_study, size
from textmill.search.trial import Pruned, Watch, inputs_of, train
from textmill.search.winner import apply, changed_text, diff
from textmill.tracking.trials import SearchRecord, TrialRecord, TrialSender

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

QUIET = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
"""What training's libraries are told before they are imported: the search has its own lines."""

FOLDER = Path(".textmill/search")
VALUES = "values"


@dataclass(frozen=True)
class Asked:
    """What a search is about: its params, those of all runs of its stage, the seed and where it is kept."""

    name: str
    search: Search
    section: Mapping[str, Any]
    seed: int
    key: str
    folder: Path

    @property
    def figure(self) -> str:
        """The validation figure to make best."""
        return figure(self.search, run_params(self.search, self.section, {}, self.name))


def search(name: str, is_applied: bool = False, restart: bool = False) -> None:
    """Carry out the search `name` of params.yaml and print its trials and its winner as a diff.

    Args:
        name: a key of `search`.
        is_applied: write the winner into params.yaml.
        restart: forget the trials that are there.

    Raises:
        UserError: the search, or what it tries, is not valid; or no trial came to an end.
    """
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    asked = _asked(name)
    with locked(asked.folder.parent):
        if restart:
            shutil.rmtree(asked.folder, ignore_errors=True)
        study = open_study(asked.folder, f"{name}-{asked.key}", asked.search, asked.figure != "loss")
        _try_all(asked, study)
    _say_winner(asked, study, is_applied)


def _asked(name: str) -> Asked:
    from textmill.training.checkpoints import run_key

    params = read_params()
    searches = params.get("search") or {}
    if name not in searches:
        raise UserError(
            f"{params_file()}: search.{name}: no such search; known: {', '.join(searches) or 'none'}. "
            "docs/search.md shows how one is written."
        )
    search = validated(Search, searches[name], params_file(), f"search.{name}")
    section, seed = params.get(search.stage) or {}, params.get("seed")
    if not isinstance(seed, int):
        raise UserError(f"{params_file()}: seed: expected an integer, found {seed!r}.")
    check(search, section, name)
    run = run_params(search, section, {}, name)
    for path in inputs_of(run):
        if not Path(path).exists():
            raise UserError(
                f"{path}: not found, and {search.stage}.{search.run} reads it. Run `textmill run "
                f"{search.stage}@{search.run}` first, or the stages it needs."
            )
    deciding = {
        "search": search.model_dump(exclude={"trials", "keep_models"}),
        "run": run.deciding(),
        "seed": seed,
    }
    key = run_key(deciding, inputs_of(run))[:16]
    return Asked(name, search, section, seed, key, FOLDER / name / key)


def _try_all(asked: Asked, study: Study) -> None:
    """The trials that are still to come, each told to the tracker."""
    total = size(asked.search)
    done = len(study.trials)
    if done:
        _say(asked, f"going on after {done} of {total} trials")
    sender = TrialSender(Path(), _experiment())
    while len(study.trials) < total:
        _one(asked, study, total)
        sender.send(_record(asked, study, len(study.trials) == total))
        if sender.problem and len(study.trials) == done + 1:
            _say(asked, f"{sender.problem}; the search goes on, and its trials are kept and sent later")
    if done == total:
        sender.send(_record(asked, study, True))
    if sender.problem:
        _say(asked, f"{sender.problem}; the same command sends the trials later")


def _experiment() -> str:
    name = (read_params().get("registry") or {}).get("experiment", "textmill")
    return name if isinstance(name, str) else "textmill"


def _one(asked: Asked, study: Study, total: int) -> None:
    """Carry out one trial and write down how it ended."""
    from optuna.trial import TrialState

    trial = next_trial(study, asked.search, asked.seed)
    values = suggested(trial, asked.search)
    trial.set_user_attr(VALUES, values)
    params = run_params(asked.search, asked.section, values, asked.name)
    folder = asked.folder / f"trial-{trial.number:04d}"
    shown = ", ".join(f"{key}={value}" for key, value in values.items())
    label = f"search {asked.name} {trial.number + 1}/{total}"

    def report(step: int, value: float) -> bool:
        trial.report(value, step)
        return asked.search.pruning != "none" and trial.should_prune()

    try:
        found = train(params, asked.seed, folder, Watch(f"validation_{asked.figure}", report), label)
        value = found[f"validation_{asked.figure}"]
        study.tell(trial, value)
        _say(asked, f"trial {trial.number + 1} of {total}: {asked.figure} {value:.4f} with {shown}")
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
        _say(asked, f"trial {trial.number + 1} of {total}: pruned with {shown}")
    except UserError as error:
        # A learning rate that is too high is an answer, not the end of the search.
        trial.set_user_attr("error", str(error))
        study.tell(trial, state=TrialState.FAIL)
        _say(asked, f"trial {trial.number + 1} of {total}: failed with {shown}: {error}")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    if not asked.search.keep_models:
        shutil.rmtree(folder, ignore_errors=True)


def _best(study: Study) -> FrozenTrial | None:
    """The best finished trial, the first of equals."""
    from optuna.trial import TrialState

    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if study.direction.name == "MAXIMIZE" else 1
    return min(finished, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _record(asked: Asked, study: Study, over: bool) -> SearchRecord:
    best = _best(study)
    settings = asked.search.model_dump(exclude_none=True)
    trials = [_trial_record(trial) for trial in study.get_trials(deepcopy=False)]
    return SearchRecord(
        asked.name, asked.key, settings, asked.figure, trials, best.number if best else None, over
    )


def _trial_record(trial: FrozenTrial) -> TrialRecord:
    states = {"COMPLETE": "complete", "PRUNED": "pruned"}
    began, ended = (
        int(moment.timestamp() * 1000) if moment else 0
        for moment in (trial.datetime_start, trial.datetime_complete)
    )
    state = states.get(trial.state.name, "failed")
    value = trial.value if state == "complete" else None
    points = dict(trial.intermediate_values)
    return TrialRecord(trial.number, state, trial.user_attrs[VALUES], points, value, began, ended)


def _say_winner(asked: Asked, study: Study, is_applied: bool) -> None:
    from textmill.console.screen import console, table

    best = _best(study)
    if best is None:
        raise UserError(f"search {asked.name}: no trial came to its end; see the messages above.")
    keys = list(asked.search.space)
    rows = [
        [trial.number + 1, *(trial.user_attrs[VALUES][key] for key in keys), _outcome(trial)]
        for trial in sorted(study.get_trials(deepcopy=False), key=lambda trial: trial.number)
    ]
    console().print(table(["trial", *keys, asked.figure], rows))
    file = params_file()
    text = changed_text(file, [asked.search.stage, asked.search.run], best.user_attrs[VALUES])
    change = diff(file, text)
    console().print(f"\nbest: trial {best.number + 1}, {asked.figure} {best.value:.6g}")
    if not change:
        console().print(f"{file}: has these params already.")
        return
    console().print(change)
    if is_applied:
        apply(file, text)
        console().print(f"{file}: changed as above; `textmill run` trains with it.")
    else:
        console().print(f"Write it into {file} with `textmill search {asked.name} --apply`.")


def _outcome(trial: FrozenTrial) -> Any:
    return trial.value if trial.state.name == "COMPLETE" else trial.state.name.lower()


def _say(asked: Asked, text: str) -> None:
    print(f"search {asked.name}: {text}", file=sys.stderr, flush=True)
