"""params.yaml: annotate. Which quality signals are measured."""

from typing import Literal

from pydantic import Field, field_validator

from textmill.config.section import Section

FamilyName = Literal["gopher", "gopher_repetition", "c4", "fineweb"]


class Annotate(Section):
    """The signals that are computed for every document. Thresholds are in `select`."""

    families: list[FamilyName] = Field(
        default=["gopher", "gopher_repetition", "c4", "fineweb"],
        description="Families of signals to compute; `characters`, `words` and `lines` always are.",
    )
    stop_words: dict[str, list[str]] = Field(
        default={
            "en": ["the", "be", "to", "of", "and", "that", "have", "with"],
            "zh": ["的", "是", "不", "了", "在", "有", "和", "之", "以", "也"],
        },
        description="Per language, in lower case, the words whose presence marks running text. The English "
        "ones are Gopher's; the Chinese ones are single characters, of modern and of classical prose.",
    )

    @field_validator("stop_words")
    @classmethod
    def _not_empty(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for language, words in value.items():
            if not words or not all(words):
                raise ValueError(f"{language}: expected at least one word, and none of them empty")
        return value
