"""params.yaml: tokenizer. The vocabulary every pretrained model shares."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from textmill.config.section import Section

Weight = Annotated[float, Field(ge=0)]


class TokenizerSample(Section):
    """The part of the training split that the tokenizer learns from; all of it unless it says otherwise."""

    characters: int | None = Field(
        default=None, ge=1, description="Most characters to learn from; null is no bound."
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="Largest share of the split's characters to learn from."
    )
    by_source: dict[str, Weight] = Field(
        default={},
        description="How much likelier a document of a source is drawn than others; 0 is never.",
    )
    by_language: dict[str, Weight] = Field(
        default={}, description="The same by language (`und` where it is unknown); both multiply."
    )

    @model_validator(mode="after")
    def _weights_need_a_size(self) -> "TokenizerSample":
        weights = [*self.by_source.values(), *self.by_language.values()]
        if self.characters is None and self.share == 1 and any(weights):
            raise ValueError("by_source and by_language choose among documents: set characters or share too")
        return self


class Tokenizer(Section):
    """A byte-level tokenizer trained on the training split of the corpus."""

    model: Literal["bpe", "unigram"] = Field(
        default="bpe",
        description="bpe merges frequent pairs (Sennrich et al. 2016); unigram prunes a large vocabulary by "
        "likelihood (Kudo 2018), which takes twenty times as long to learn.",
    )
    vocab_size: int = Field(
        default=8192,
        ge=300,
        le=65536,
        description="Vocabulary entries, special tokens and 256 bytes included; ids are stored in 16 bits.",
    )
    trainer: Literal["gigatoken", "tokenizers"] = Field(
        default="gigatoken",
        description="Library that learns the merges of bpe; both learn the same, gigatoken about four times "
        "faster. unigram is always learnt by tokenizers.",
    )
    sample: TokenizerSample = Field(default=TokenizerSample(), description="What it learns from.")
