"""params.yaml: gates. What a candidate must show before it becomes champion."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Beats(Section):
    """A comparison of the evaluation report that must be won."""

    metric: str = Field(description="Metric of the comparison.")
    against: str = Field(description="The baseline, or `control` (the same recipe from random weights).")


class ChampionGate(Section):
    """Comparison with the model that is champion now, on the same evaluation set."""

    metric: str = Field(description="Metric that decides.")
    require: Literal["not_lost", "won"] = Field(
        default="not_lost",
        description="`not_lost`: the 95 % interval of the difference may hold zero; `won`: it may not.",
    )


class ModelGates(Section):
    """The gates of one registered model."""

    floors: dict[str, float] = Field(
        default_factory=dict, description="Least value by metric (higher is better)."
    )
    ceilings: dict[str, float] = Field(
        default_factory=dict, description="Greatest value by metric (lower is better)."
    )
    beats: list[Beats] = Field(default_factory=list, description="Comparisons whose verdict must be `won`.")
    champion: ChampionGate | None = Field(default=None, description="How it must compare with the champion.")


class ContaminationGate(Section):
    """How much of an evaluation set may be found in the documents that were kept for training."""

    fraction: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="An evaluation row counts as leaked if a kept document covers this part of it.",
    )
    max_share: float = Field(
        default=0.01, ge=0, le=1, description="Greatest share of leaked evaluation rows."
    )


class Gates(Section):
    """Gates of every model, and of each."""

    validation: bool = Field(default=True, description="The data validation report must have passed.")
    max_bias_warnings: int | None = Field(
        default=None, ge=0, description="Most warnings in reports/bias.json; null: no limit."
    )
    contamination: ContaminationGate | None = Field(
        default=None, description="Leakage limit; null: no limit."
    )
    smoke: list[str] = Field(
        default_factory=lambda: ["A small test.", "一个小测试。"],
        min_length=1,
        description="Inputs of the smoke test: the registered model must load and answer each.",
    )
    resamples: int = Field(
        default=1000, ge=100, description="Bootstrap resamples of the comparison with the champion."
    )
    models: dict[str, ModelGates] = Field(default_factory=dict, description="Gates by registered name.")
