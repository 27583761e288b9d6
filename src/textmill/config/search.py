"""params.yaml: search. Which params of a run are tried, how, and how often."""

import math
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from textmill.config.section import Section

Value = bool | int | float | str | None


class Dimension(Section):
    """What one param may be: one of `values`, or a number from `low` to `high`."""

    values: list[Value] | None = Field(default=None, min_length=1, description="What it may be.")
    low: int | float | None = Field(default=None, description="Smallest number.")
    high: int | float | None = Field(
        default=None, description="Largest number; whole numbers are tried if `low` and `high` are whole."
    )
    log: bool = Field(default=False, description="Try orders of magnitude evenly: for learning rates.")
    step: int | float | None = Field(
        default=None, gt=0, description="Distance between the numbers tried; grid: needed, or `points`."
    )
    points: int | None = Field(
        default=None, ge=2, description="grid: so many numbers from `low` to `high`, evenly, or in `log`."
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        bounds = [self.low is not None, self.high is not None]
        if not (any(bounds) if self.values is not None else not all(bounds)):
            return self
        raise ValueError("expected either values, or low and high")

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"low: expected less than high ({self.high}), found {self.low}")
            if self.log and self.low <= 0:
                raise ValueError(f"low: expected more than 0 with log, found {self.low}")
            if self.log and self.step is not None:
                raise ValueError("step: does not go with log")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether the numbers of a range are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def listed(self) -> list[Value]:
        """The values of a grid, each once; empty where a range says neither `step` nor `points`."""
        if self.values is not None:
            return list(dict.fromkeys(self.values))
        assert self.low is not None and self.high is not None
        if self.points is not None:
            ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
            places = [
                ends[0] + (ends[1] - ends[0]) * place / (self.points - 1) for place in range(self.points)
            ]
            found: list[Any] = [math.exp(place) if self.log else place for place in places]
        elif self.step is not None:
            count = int((self.high - self.low) / self.step * (1 + 1e-9)) + 1
            found = [self.low + place * self.step for place in range(count)]
        else:
            return []
        whole = self.is_whole and (self.step is None or isinstance(self.step, int))
        return list(dict.fromkeys(round(value) if whole else float(f"{value:.6g}") for value in found))


class Search(Section):
    """One search: the run whose params are tried, and how."""

    stage: Literal["finetune", "pretrain"] = Field(description="Which section of params the run is in.")
    run: str = Field(min_length=1, description="The run, a key of that section; what is not tried is its.")
    space: dict[str, Dimension] = Field(
        min_length=1, description="What is tried, by key of the run; dotted where it is nested: `lora.rank`."
    )
    sampler: Literal["grid", "random", "tpe"] = Field(
        default="tpe",
        description="grid tries every combination; random draws; tpe draws where it went well (Bergstra et "
        "al. 2011).",
    )
    trials: int = Field(default=20, ge=1, description="How many are tried; grid: at most, its size if more.")
    startup_trials: int = Field(
        default=8, ge=1, description="tpe: trials drawn at random first. Pruning: trials that are not pruned."
    )
    pruning: Literal["none", "median", "halving"] = Field(
        default="none",
        description="Stop a trial at a validation where it is worse than the median of the others there "
        "(median), or than the better part of them at rungs ever further apart (halving; Li et al. 2020).",
    )
    reduction: int = Field(default=3, ge=2, description="halving: one of so many goes on past a rung.")
    figure: str | None = Field(
        default=None,
        description="Validation figure to make best: `loss`, or one that `best` of the run may name; null "
        "for what the run's `best` is.",
    )
    keep_models: bool = Field(
        default=False, description="Keep the models of all trials below .textmill/search."
    )
