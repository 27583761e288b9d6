"""params.yaml: tasks. Conversations, and answers of which one is preferred."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.artifact import Artifact
from textmill.config.task import BaseTask


class Conversations(Artifact):
    """Conversations in a package's files."""

    format: Literal["chitchat", "chatterbot", "messages"] = Field(
        description="chitchat: the JSON of chitchat-dataset; chatterbot: the YAML of chatterbot-corpus; "
        "messages: JSON lines with `messages`."
    )
    members: list[str] = Field(min_length=1, description="Names or globs of the files in the archive.")
    license: str = Field(min_length=1, description="License of the conversations.")
    lang: str = Field(default="", description="Language (ISO 639); empty if mixed.")


class LocalFiles(BaseTask):
    """A task that may be in files of your own below `ingest.local`."""

    files: list[str] = Field(default=[], description="Paths or globs of your own JSON lines: training rows.")
    validation_files: list[str] = Field(
        default=[], description="Paths or globs of the validation rows; if empty, rows are split off by hash."
    )
    test_files: list[str] = Field(
        default=[], description="Paths or globs of the test rows; if empty, rows are split off by hash."
    )
    lang: str = Field(default="", description="Language of the rows in files (ISO 639); empty if mixed.")


class DialogueTask(LocalFiles):
    """Conversations: what the assistant says is learned, its last turn is what a model is judged by.

    A line of your own files is `{"messages": [{"role": "user", "content": "…"}, …]}`; roles are system, user
    and assistant.
    """

    kind: Literal["dialogue"]
    packages: list[Conversations] = Field(default=[], description="Conversations in pinned packages.")
    most_messages: int = Field(
        default=12,
        ge=2,
        description="Longer conversations are cut into pieces of at most this many messages.",
    )
    max_chars: int = Field(
        default=1000, ge=10, description="A message longer than this ends its piece before it."
    )

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not self.files and not self.packages:
            raise ValueError("expected files or packages")
        return self


class PreferenceTask(LocalFiles):
    """Two answers to a prompt, of which people prefer one.

    A line is `{"prompt": …, "chosen": …, "rejected": …}`; each is a text. The prompt may be a list of
    messages too, and so may the answers, of which the last message counts.
    """

    kind: Literal["preference"]
    packages: list[Conversations] = Field(
        default=[],
        description="Conversations in pinned packages: their last turn is preferred to one of another "
        "conversation in the same language.",
    )

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if not self.files and not self.packages:
            raise ValueError("expected files or packages")
        return self
