"""params.yaml: tasks. What every kind of task has."""

from pydantic import Field

from textmill.config.section import Section


class BaseTask(Section):
    """What every task declares."""

    license: str = Field(min_length=1, description="License of the rows.")
    train: int | None = Field(default=None, ge=1, description="Keep at most this many training rows.")
    validation: int = Field(
        default=200, ge=1, description="Validation rows to split off, if the task has none of its own."
    )
    test: int = Field(
        default=500, ge=1, description="Test rows to split off, if the task has none of its own."
    )
    near_duplicate: float = Field(
        default=0.6,
        ge=0.3,
        le=1.0,
        description="Inputs of at least this Jaccard similarity (of 5-grams of words, for short inputs also "
        "of 3-grams of characters) stay in one split.",
    )
    group_targets: bool = Field(
        default=False,
        description="Whether rows with equal targets stay in one split too: true where a target is a text of "
        "its own, false where it is one of a few answers.",
    )
