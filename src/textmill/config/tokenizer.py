"""params.yaml: tokenizer. The vocabulary every pretrained model shares."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Tokenizer(Section):
    """A byte-level BPE trained on the training split of the corpus."""

    vocab_size: int = Field(
        default=8192,
        ge=300,
        le=65536,
        description="Vocabulary entries, special tokens and 256 bytes included; ids are stored in 16 bits.",
    )
    trainer: Literal["gigatoken", "tokenizers"] = Field(
        default="gigatoken",
        description="Library that learns the merges; both learn the same, gigatoken about four times faster.",
    )
