"""params.yaml: contamination. What counts as an overlap with an evaluation set."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class EvaluationSet(Section):
    """Rows of yours that must stay unseen, though no task here is evaluated on them."""

    files: list[str] = Field(
        min_length=1,
        description="Paths or globs relative to `ingest.local`: jsonl, json, csv, parquet, txt, also "
        "compressed.",
    )
    columns: list[str] = Field(
        default=["text"], min_length=1, description="Fields with a text; each is looked for by itself."
    )
    id: str | None = Field(
        default=None, description="Field with the row's key; without it, the file and the row's number."
    )
    license: str = Field(
        min_length=1, description="License of the rows, an SPDX expression where there is one."
    )


class Contamination(Section):
    """Overlap of documents with the rows of the tasks, and of sets named here."""

    sets: dict[str, EvaluationSet] = Field(
        default_factory=dict,
        description="Further sets of rows, each under a name that no task has; the ledger's rule is "
        "`contamination.NAME`, and `select.max_contamination` holds for them too.",
    )

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
