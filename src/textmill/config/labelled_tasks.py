"""params.yaml: tasks of label sets, of tags, and of answers that stand in a context."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.artifact import Artifact
from textmill.config.task import BaseTask


class Member(Artifact):
    """One file of a pinned package."""

    member: str = Field(
        min_length=1, description="File in the archive; `inner.tar.gz!/name` reaches into another archive."
    )


class ScoresTask(BaseTask, Member):
    """Scored texts in a package file of JSON lines; every score that is high enough is a label."""

    kind: Literal["scores"]
    input: str = Field(default="text", description="Field with the text.")
    scores: list[str] = Field(min_length=1, description="Fields with scores, which are the labels' names.")
    threshold: float = Field(default=0.5, description="A score of this or more gives the label.")
    lang: str = Field(default="en", description="Language of the texts (ISO 639).")


class ReadTask(BaseTask):
    """A task in files of your own below `ingest.local`, or in one file of a package."""

    files: list[str] = Field(default=[], description="Paths or globs of the training rows.")
    validation_files: list[str] = Field(
        default=[], description="Paths or globs of the validation rows; if empty, rows are split off by hash."
    )
    test_files: list[str] = Field(
        default=[], description="Paths or globs of the test rows; if empty, rows are split off by hash."
    )
    artifact: Member | None = Field(default=None, description="Or a file in a pinned package.")
    lang: str = Field(default="", description="Language of the texts (ISO 639); empty if mixed.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.files) == bool(self.artifact):
            raise ValueError("expected either files or artifact")
        return self


class TaggingTask(ReadTask):
    """Sequence labelling: `word/TAG` lines (.txt), columns as in CoNLL (.conll, .bio, .tsv), or .jsonl."""

    kind: Literal["tagging"]
    spans: Literal["tags", "words"] = Field(
        default="tags",
        description="What is found: `tags` are the labels as they come (BIO, or one per word); `words` are "
        "the words themselves, all with the label W: segmentation.",
    )
    names: dict[str, str] = Field(
        default={},
        description="Tag to label, for instance `{nr: PER, ns: LOC, nt: ORG}`: other tags are outside, and "
        "neighbouring words of one label are one span. Empty: every tag of every word is a label.",
    )


class ExtractionTask(ReadTask):
    """Extractive question answering: SQuAD's .json, or .jsonl with question, context and answer."""

    kind: Literal["extraction"]
    question: str = Field(default="question", description="jsonl: field with the question.")
    context: str = Field(default="context", description="jsonl: field with the text that holds the answer.")
    answer: str = Field(
        default="answers",
        description="jsonl: field with the answer: a text, a list of texts, or SQuAD's "
        "`{text: […], answer_start: […]}`; empty where there is none.",
    )
    no_answer: str = Field(default="", description="jsonl: an answer of this text means that there is none.")
