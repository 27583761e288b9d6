"""From a search's space to params of a run, checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from textmill.config.finetune import OBJECTIVES, Finetune
from textmill.config.load import params_file, validated
from textmill.config.override import overridden
from textmill.config.pretrain import Pretrain
from textmill.config.search import Search
from textmill.errors import UserError

if TYPE_CHECKING:
    from optuna.trial import Trial

MODELS: dict[str, type[Finetune] | type[Pretrain]] = {"finetune": Finetune, "pretrain": Pretrain}
Values = dict[str, Any]


def suggested(trial: Trial, search: Search) -> Values:
    """What the trial tries, by key of the run."""
    found: Values = {}
    for key, part in search.space.items():
        if search.sampler == "grid" or part.values is not None:
            found[key] = trial.suggest_categorical(key, part.listed())
        elif part.is_whole:
            assert isinstance(part.low, int) and isinstance(part.high, int)
            found[key] = trial.suggest_int(key, part.low, part.high, log=part.log, step=int(part.step or 1))
        else:
            assert part.low is not None and part.high is not None
            number = trial.suggest_float(key, part.low, part.high, log=part.log, step=part.step)
            # What is tried is what the winner's diff can say in a few digits.
            found[key] = float(f"{number:.4g}")
    return found


def grid(search: Search) -> dict[str, list[Any]]:
    """The values of each key.

    Raises:
        UserError: a range says neither `step` nor `points`.
    """
    found = {key: part.listed() for key, part in search.space.items()}
    for key, values in found.items():
        if not values:
            raise UserError(
                f"params.yaml: search: space.{key}: a grid needs values, or a step or points of the range."
            )
    return found


def combination(search: Search, number: int) -> Values:
    """The values of the grid's place `number`; the last key changes fastest."""
    found: Values = {}
    for key, values in reversed(grid(search).items()):
        number, place = divmod(number, len(values))
        found[key] = values[place]
    return {key: found[key] for key in search.space}


def run_params(search: Search, section: Mapping[str, Any], values: Values, name: str) -> Finetune | Pretrain:
    """The params of the run with `values` in place of its own.

    Args:
        section: the part of params.yaml that the run is in, by name of the run.
        values: by key of the run.
        name: of the search, for messages.

    Raises:
        UserError: there is no such run, or a key or value is not one of it.
    """
    if search.run not in section:
        raise UserError(
            f"params.yaml: search.{name}.run: expected a run of {search.stage} "
            f"({', '.join(section) or 'none'}), found {search.run!r}."
        )
    changes = [(key.split("."), value) for key, value in values.items()]
    changed = overridden(section[search.run] or {}, changes)
    tried = ", ".join(f"{key}={value}" for key, value in values.items())
    where = f"{params_file()}: search.{name} tries {tried}" if values else params_file()
    return validated(MODELS[search.stage], changed, where, f"{search.stage}.{search.run}")


def check(search: Search, section: Mapping[str, Any], name: str) -> None:
    """See that the run takes every value that may be tried: of a grid all, of a range both ends.

    Raises:
        UserError: it does not; the message names key and value.
    """
    run = run_params(search, section, {}, name)
    for fixed in ("task", "base", "objective", "architecture", "device", "control"):
        if fixed in search.space:
            raise UserError(
                f"params.yaml: search.{name}.space.{fixed}: a search compares runs that share it."
            )
    if search.sampler == "grid":
        values = grid(search)
        for tried in product(*values.values()):
            run_params(search, section, dict(zip(values, tried, strict=True)), name)
    else:
        for key, part in search.space.items():
            for value in part.values if part.values is not None else (part.low, part.high):
                run_params(search, section, {key: value}, name)
    known = ("loss", *OBJECTIVES[run.objective]) if isinstance(run, Finetune) else ("loss",)
    if search.figure is not None and search.figure not in known:
        raise UserError(
            f"params.yaml: search.{name}.figure: expected one of {', '.join(known)}, found {search.figure!r}."
        )


def figure(search: Search, run: Finetune | Pretrain) -> str:
    """The validation figure that the search makes best."""
    return search.figure or (run.best if isinstance(run, Finetune) else "loss")
