"""params.yaml: tasks. The rows that models are fine-tuned and evaluated on."""

from typing import Annotated, Literal

from pydantic import Field

from textmill.config.answer_tasks import AnswersTask
from textmill.config.artifact import Artifact
from textmill.config.dialogue_tasks import DialogueTask, PreferenceTask
from textmill.config.labelled_tasks import ExtractionTask, ScoresTask, TaggingTask
from textmill.config.task import BaseTask


class SentimentTask(BaseTask, Artifact):
    """Scored sentences in a package file (`number TAB score TAB text`), as positive or negative."""

    kind: Literal["sentiment"]
    member: str = Field(description="File in the archive; `inner.tar.gz!/name` reaches into another archive.")
    neutral_below: float = Field(
        default=0.5,
        ge=0,
        description="Rows whose absolute score is smaller are unclear and dropped.",
    )
    lang: str = Field(default="en", description="Language of the sentences (ISO 639).")


class Catalog(Artifact):
    """The message catalogs of one package."""

    members: list[str] = Field(
        min_length=1, description="Names or globs of .mo and .po files in the archive."
    )
    license: str = Field(min_length=1, description="License of the catalogs.")
    target_lang: str | None = Field(
        default=None, description="Language of these translations; null for the task's."
    )


class TextTask(BaseTask):
    """A task whose targets are texts of their own."""

    group_targets: bool = Field(
        default=True, description="Whether rows with equal targets stay in one split."
    )


class TranslationTask(TextTask):
    """Translated messages of programs: original to translation."""

    kind: Literal["translation"]
    catalogs: list[Catalog] = Field(min_length=1, description="Where the messages are.")
    input_lang: str = Field(default="en", description="Language of the originals (ISO 639).")
    target_lang: str = Field(default="zh", description="Language of the translations (ISO 639).")
    max_chars: int = Field(default=300, ge=1, description="Drop pairs of which a side is longer than this.")
    both_ways: bool = Field(
        default=False,
        description="Learn to translate back too. Where there are several directions, the language wanted "
        "stands before each input: `zh: Save`.",
    )


class SummarizationTask(TextTask):
    """Docstrings of Python code: signature and body to the summary line."""

    kind: Literal["summarization"]
    standard_library: bool = Field(default=False, description="Read the running Python's standard library.")
    modules: list[str] | None = Field(
        default=None, description="Of the standard library, only these top-level modules; all if absent."
    )
    packages: list[str] = Field(
        default=[], description="Installed packages, `name==version`; another installed version is an error."
    )
    min_body_chars: int = Field(default=100, ge=1, description="Drop docstrings with a shorter body.")
    max_body_chars: int = Field(default=1200, ge=50, description="Cut longer bodies at a line end.")
    max_summary_chars: int = Field(default=160, ge=20, description="Drop docstrings with a longer summary.")


class FilesTask(BaseTask):
    """Rows from your own files below `ingest.local`: jsonl, json, csv or parquet with two columns."""

    kind: Literal["files"]
    task: Literal["classification", "multilabel", "generation"] = Field(
        description="What the target is: a label, any number of labels, or a text."
    )
    files: list[str] = Field(min_length=1, description="Paths or globs of the training rows.")
    validation_files: list[str] = Field(
        default=[], description="Paths or globs of the validation rows; if empty, rows are split off by hash."
    )
    test_files: list[str] = Field(
        default=[], description="Paths or globs of the test rows; if empty, rows are split off by hash."
    )
    input: str = Field(default="input", description="Column with the input text.")
    target: str = Field(default="target", description="Column with the label or the target text.")
    input_lang: str = Field(default="", description="Language of the inputs (ISO 639); empty if mixed.")
    target_lang: str = Field(default="", description="Language of the targets (ISO 639); empty for labels.")
    delimiter: str = Field(
        default=",",
        min_length=1,
        description="multilabel: what stands between the labels of a text; a list is taken as it is.",
    )


OneTask = (
    SentimentTask
    | TranslationTask
    | SummarizationTask
    | FilesTask
    | DialogueTask
    | PreferenceTask
    | AnswersTask
    | ScoresTask
    | TaggingTask
    | ExtractionTask
)
AnyTask = Annotated[OneTask, Field(discriminator="kind")]

KINDS: dict[str, type[BaseTask]] = {
    "sentiment": SentimentTask,
    "translation": TranslationTask,
    "summarization": SummarizationTask,
    "files": FilesTask,
    "dialogue": DialogueTask,
    "preference": PreferenceTask,
    "answers": AnswersTask,
    "scores": ScoresTask,
    "tagging": TaggingTask,
    "extraction": ExtractionTask,
}
"""The model of each kind of task."""
