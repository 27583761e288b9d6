"""params.yaml: tasks. Questions that are answered in free text."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.artifact import Artifact
from textmill.config.dialogue_tasks import LocalFiles


class Questions(Artifact):
    """Questions in a package's files of JSON lines."""

    members: list[str] = Field(min_length=1, description="Names or globs of the files in the archive.")
    license: str = Field(min_length=1, description="License of the questions.")


class AnswersTask(LocalFiles):
    """Generative question answering: a question, and a passage if there is one, to the answer."""

    kind: Literal["answers"]
    packages: list[Questions] = Field(default=[], description="Questions in pinned packages.")
    question: str = Field(default="question", description="Field with the question.")
    passage: str | None = Field(
        default=None, description="Field with the text to answer from; null to answer from memory."
    )
    answer: str = Field(
        default="answer",
        description="Field with the answer: a text, a list whose first counts, or true/false for yes/no.",
    )
    max_passage_chars: int = Field(default=1200, ge=10, description="Cut longer passages at a space.")

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not self.files and not self.packages:
            raise ValueError("expected files or packages")
        return self
