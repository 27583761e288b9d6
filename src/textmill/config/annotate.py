"""params.yaml: annotate. Which quality signals are measured."""

from typing import Literal

from pydantic import Field, field_validator

from textmill.config.section import Section

FamilyName = Literal["gopher", "gopher_repetition", "c4", "fineweb", "identity"]


class LineRules(Section):
    """Rules for single lines. What they find is written to data/signals and cut out by `select`."""

    c4: bool = Field(
        default=False,
        description="Cut the lines that C4 removes: no terminal punctuation, too few words, too long a word, "
        "lorem ipsum, JavaScript, notices about cookies and terms of use.",
    )
    citations: bool = Field(
        default=False, description="Cut Wikipedia's citation marks, such as [12], [edit], [来源请求]."
    )
    boilerplate: bool = Field(
        default=False,
        description="Cut lines of navigation, sharing, copyright and so on, English and Chinese.",
    )
    min_words: int = Field(
        default=3, ge=0, description="c4: fewest words of a line; in Chinese and Japanese, characters."
    )
    max_word_length: int = Field(default=1000, ge=1, description="c4: longest word of a line, in characters.")

    @property
    def any(self) -> bool:
        """Whether any rule is in force."""
        return self.c4 or self.citations or self.boilerplate


class Annotate(Section):
    """The signals that are computed for every document. Thresholds are in `select`."""

    families: list[FamilyName] = Field(
        default=["gopher", "gopher_repetition", "c4", "fineweb"],
        description="Families of signals to compute; `characters`, `words` and `lines` always are. "
        "`identity` counts who is named and beside what, for bounds under select.signals (docs/bias.md).",
    )
    stop_words: dict[str, list[str]] = Field(
        default={
            "en": ["the", "be", "to", "of", "and", "that", "have", "with"],
            "zh": ["的", "是", "不", "了", "在", "有", "和", "之", "以", "也"],
        },
        description="Per language, in lower case, the words whose presence marks running text. The English "
        "ones are Gopher's; the Chinese ones are single characters, of modern and of classical prose.",
    )

    repeated_ngrams: Literal["datatrove", "paper"] = Field(
        default="datatrove",
        description="How repeated n-grams of words are counted: as datatrove's code does, with the same "
        "decisions, or as Gopher's paper reads, which is kinder to short texts and sees all of a long "
        "repeated passage (docs/filters.md).",
    )
    line_rules: LineRules = Field(
        default_factory=LineRules, description="Rules for single lines; all off unless asked for."
    )

    @field_validator("stop_words")
    @classmethod
    def _not_empty(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        for language, words in value.items():
            if not words or not all(words):
                raise ValueError(f"{language}: expected at least one word, and none of them empty")
        return value
