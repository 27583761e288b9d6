"""params.yaml: tokenize. From text to packed token ids."""

from typing import Annotated, Literal

from pydantic import Field

from textmill.config.section import Section

Factor = Annotated[float, Field(ge=0, le=1000)]


class Canaries(Section):
    """Sentences with random numbers, planted in the training text: does a model give them away?"""

    copies: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(
        default=[], description="How often a canary is written; a group of canaries for each. Empty: none."
    )
    each: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="Canaries of a group and language; as many are made and not planted.",
    )
    digits: int = Field(default=6, ge=3, le=12, description="Digits of a number.")
    languages: list[Literal["en", "zh"]] = Field(
        default=["en", "zh"], min_length=1, description="Languages of the sentences."
    )


class Tokenize(Section):
    """How documents become token shards; the encoder never changes the ids."""

    encoder: Literal["gigatoken", "tokenizers"] = Field(
        default="gigatoken",
        description="Library that encodes. gigatoken must agree with tokenizers on a sample of every shard; "
        "Unigram models are always encoded by tokenizers.",
    )
    parity_documents: int = Field(
        default=32,
        ge=1,
        description="Documents of every shard that both libraries encode and must agree on.",
    )
    epochs: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="How often a training document is written: 2.5 is twice, and half of them a third time. "
        "Below 1 documents are left out. Which ones the hash of their id decides.",
    )
    by_source: dict[str, Factor] = Field(
        default={}, description="Factors of `epochs` by source: 3 is three times as often, 0 is never."
    )
    canaries: Canaries = Field(
        default=Canaries(),
        description="Planted in the training tokens; for experiments, not for models in use.",
    )
    by_language: dict[str, Factor] = Field(
        default={}, description="Factors of `epochs` by language (`und` where it is unknown)."
    )
