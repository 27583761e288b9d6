"""params.yaml: validate. What must hold of the data before anything is trained on it."""

from typing import Any, Literal

from pydantic import Field

from textmill.config.section import Section

Frame = Literal["documents", "languages", "sources", "splits", "signals", "tasks", "task_rows", "drift"]
TokenFrame = Literal["tokens", "token_shards"]


class AnyExpectation(Section):
    """One expectation of Great Expectations, on one stats frame."""

    name: str = Field(min_length=1, description="What must hold, in words; shown when it does not.")
    frame: str = Field(description="The stats frame it looks at; see docs/validation.md for their columns.")
    where: dict[str, str | int | bool] = Field(
        default={}, description="Only rows whose columns equal these values; none left is a failure."
    )
    expectation: str = Field(
        pattern="^expect_", description="Type, as in Great Expectations: expect_column_max_to_be_between."
    )
    arguments: dict[str, Any] = Field(default={}, description="Arguments of the expectation, such as column.")


class Expectation(AnyExpectation):
    """An expectation of documents, signals, splits, task tables, or drift."""

    frame: Frame = Field(description="The stats frame it looks at; see docs/validation.md for their columns.")


class TokenExpectation(AnyExpectation):
    """An expectation of token shards."""

    frame: TokenFrame = Field(description="The stats frame it looks at: tokens or token_shards.")


class Validate(Section):
    """The gate between data and training."""

    expectations: list[Expectation] = Field(min_length=1, description="All of them must hold.")
    accepted: str = Field(
        default="accepted",
        min_length=1,
        description="Directory, tracked by git, with the profile of the corpus accepted last "
        "(`textmill accept`); without one nothing is expected of drift.",
    )


class ValidateTokens(Section):
    """The gate between tokens and training."""

    expectations: list[TokenExpectation] = Field(min_length=1, description="All of them must hold.")
