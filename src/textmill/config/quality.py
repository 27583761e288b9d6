"""params.yaml: quality. A score learned from documents that the user calls good."""

from typing import Self

from pydantic import Field, model_validator

from textmill.config.ingest import Files
from textmill.config.section import Section


class Good(Section):
    """The documents to learn from. What is named in more than one way counts once."""

    sources: tuple[str, ...] = Field(
        default=(), strict=False, description="All documents of these sources of `ingest`."
    )
    ids: tuple[str, ...] = Field(default=(), strict=False, description="Documents of data/clean by id.")
    files: Files | None = Field(
        default=None,
        description="Files of its own, below `ingest.local`, as a source of `ingest` of kind files. They "
        "are cleaned as documents are, and are no part of the corpus.",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.sources and not self.ids and self.files is None:
            raise ValueError("expected sources, ids or files, found none of them")
        return self


class Quality(Section):
    """How like a set of good documents each document is. Off until `good` says what is good."""

    good: Good | None = Field(default=None, description="What is good; null switches the stage off.")
    classifier: bool = Field(
        default=True,
        description="Write `quality_classifier`, the probability that a document is from the good set and "
        "not from the rest of the corpus, were both as large. If `perplexity` is on it has a say too.",
    )
    perplexity: bool = Field(
        default=True,
        description="Write `quality_perplexity`, per token, under a language model of the good set.",
    )
    sample: int = Field(
        default=20_000,
        ge=1,
        description="Most documents of each language to learn from, good ones and others each.",
    )
    min_documents: int = Field(
        default=50,
        ge=4,
        description="Languages with fewer good documents or others are not scored: their values are null.",
    )
    max_characters: int = Field(
        default=10_000, ge=1, description="Characters of each document that are looked at, from its start."
    )
    ngrams: int = Field(
        default=2, ge=1, le=5, description="classifier: longest n-grams of tokens that are features."
    )
    buckets_log2: int = Field(
        default=18,
        ge=8,
        le=24,
        description="classifier: features are hashed to two to this power of buckets.",
    )
    strength: float = Field(
        default=1.0, gt=0, description="classifier: inverse of the weight of the penalty on large weights."
    )
    order: int = Field(
        default=4, ge=1, le=6, description="perplexity: longest n-grams of the language model."
    )
    vocabulary: int = Field(
        default=50_000, ge=100, le=65_000, description="perplexity: tokens of a language that it knows apart."
    )
