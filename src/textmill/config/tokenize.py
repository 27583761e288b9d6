"""params.yaml: tokenize. From text to packed token ids."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Tokenize(Section):
    """How documents become token shards; the encoder never changes the ids."""

    encoder: Literal["gigatoken", "tokenizers"] = Field(
        default="gigatoken",
        description="Library that encodes. gigatoken must agree with tokenizers on a sample of every shard.",
    )
    parity_documents: int = Field(
        default=64,
        ge=1,
        description="Documents of every shard that both libraries encode and must agree on.",
    )
