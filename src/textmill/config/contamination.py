"""params.yaml: contamination. What counts as an overlap with an evaluation set."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Contamination(Section):
    """Overlap of documents with the rows of the tasks."""

    ngram: int = Field(
        default=13,
        ge=2,
        le=64,
        description="How many consecutive tokens a document and a task row must share. A token is a word, or "
        "a character in scripts without spaces (GPT-3, appendix C: 13 words).",
    )
    min_tokens: int = Field(
        default=8,
        ge=2,
        description="A row's input or target of fewer than `ngram` tokens is matched as a whole if it has at "
        "least this many.",
    )
    splits: tuple[Literal["train", "validation", "test"], ...] = Field(
        default=("validation", "test"),
        strict=False,
        description="Which rows of a task must stay unseen.",
    )
