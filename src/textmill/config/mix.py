"""params.yaml: select.mix. How much of a source or a language is kept."""

from pydantic import Field

from textmill.config.section import Section


class Part(Section):
    """How much of one source or language is kept of what passed every other rule."""

    weight: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the documents that is kept, drawn by the hash of their ids. Documents are "
        "repeated by `tokenize`, not here.",
    )
    max_documents: int | None = Field(default=None, ge=1, description="Most documents.")
    max_characters: int | None = Field(default=None, ge=1, description="Most characters.")
    max_share: float | None = Field(
        default=None, gt=0, lt=1, description="Largest share of the characters of the kept corpus."
    )


class Mix(Section):
    """How sources and languages are mixed by leaving documents out; those with the smallest draw stay."""

    sources: dict[str, Part] = Field(default_factory=dict, description="By the name of a source.")
    languages: dict[str, Part] = Field(
        default_factory=dict,
        description="By language (ISO 639-1, or `unknown`); applied to what the sources' parts leave.",
    )
