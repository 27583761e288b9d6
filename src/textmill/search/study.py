"""A search on disk: an Optuna study in a journal, which goes on where it stopped.

Every trial has a sampler of its own, seeded by the search's seed and the trial's number, and what it suggests
depends on the trials before it alone. A trial that was cut short therefore gets the same number and the same
values when it is repeated, and a search that was killed ends as one that was not.
"""

from __future__ import annotations

import contextlib
import fcntl
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textmill.config.search import Search
from textmill.errors import UserError
from textmill.files import replacing
from textmill.search.space import combination, grid
from textmill.training.randomness import generator

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

JOURNAL = "journal.jsonl"
_SAMPLER = 11


def optuna() -> Any:
    """The package, quiet.

    Raises:
        UserError: it is missing.
    """
    try:
        import optuna as package
    except ImportError:
        raise UserError("search needs the package optuna; run: pip install 'textmill[search]'.") from None
    package.logging.set_verbosity(package.logging.ERROR)
    return package


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the search's folder.

    Raises:
        UserError: another process does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{folder}: another process carries out this search. Wait for it.") from None
        yield


def open_study(folder: Path, name: str, search: Search, maximize: bool) -> Study:
    """The study in `folder` with its finished trials; those cut short are forgotten and come again.

    `folder`/journal.jsonl is what `optuna` itself and its dashboard read (JournalFileBackend).
    """
    package = optuna()
    journal = folder / JOURNAL
    settings = {"study_name": name, "direction": "maximize" if maximize else "minimize"}
    finished: list[FrozenTrial] = []
    if journal.is_file():
        with contextlib.suppress(KeyError):  # killed before the study was named
            finished = _finished(package.load_study(study_name=name, storage=_storage(journal)))
    with replacing(journal) as temporary:
        package.create_study(storage=_storage(temporary), **settings).add_trials(finished)
        _unlock(temporary)
    _unlock(journal)
    study = package.load_study(study_name=name, storage=_storage(journal), pruner=_pruner(search))
    return study


def _storage(path: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(path)))


def _unlock(path: Path) -> None:
    """Remove Optuna's lock of a journal; a killed process leaves it. Ours keeps others out."""
    Path(f"{path}.lock").unlink(missing_ok=True)


def _finished(study: Study) -> list[FrozenTrial]:
    """The trials up to the first that is not finished: with one process that is the last."""
    found = []
    for trial in study.get_trials(deepcopy=True):
        if not trial.state.is_finished():
            break
        found.append(trial)
    return found


def next_trial(study: Study, search: Search, seed: int) -> Any:
    """A new trial, whose values depend on the seed, its number and the finished trials."""
    number = len(study.get_trials(deepcopy=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.sampler = _sampler(search, seed, number)
        if search.sampler == "grid":
            study.enqueue_trial(combination(search, number))
        return study.ask()


def _sampler(search: Search, seed: int, number: int) -> Any:
    samplers = optuna().samplers
    drawn = int(generator(seed, _SAMPLER, number).integers(2**31))
    if search.sampler == "tpe":
        return samplers.TPESampler(seed=drawn, n_startup_trials=search.startup_trials)
    return samplers.RandomSampler(seed=drawn)


def _pruner(search: Search) -> Any:
    pruners = optuna().pruners
    if search.pruning == "median":
        return pruners.MedianPruner(n_startup_trials=search.startup_trials)
    if search.pruning == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=search.reduction)
    return pruners.NopPruner()


def size(search: Search) -> int:
    """How many trials the search has."""
    if search.sampler != "grid":
        return search.trials
    combinations = 1
    for values in grid(search).values():
        combinations *= len(values)
    return min(search.trials, combinations) if "trials" in search.model_fields_set else combinations
