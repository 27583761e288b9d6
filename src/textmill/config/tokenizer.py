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
        description="Entries in the vocabulary, special tokens and 256 bytes included. Token ids are stored in 16 bits.",
    )
    trainer: Literal["gigatoken", "tokenizers"] = Field(
        default="gigatoken",
        description="Library that learns the merges. Both learn the same ones; gigatoken is about four times faster.",
    )
