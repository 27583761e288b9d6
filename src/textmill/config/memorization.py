"""params.yaml: memorization. Which training text a decoder gives away."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Memorization(Section):
    """Text that a decoder writes beside the text it was trained on, and its canaries, if any were planted."""

    model: str = Field(min_length=1, description="Model directory of a decoder.")
    license: str = Field(default="that of the corpus", description="License of the samples shown.")
    documents: int = Field(
        default=100, ge=1, description="Beginnings of documents that are continued, of each split."
    )
    unprompted: int = Field(default=100, ge=0, description="Texts that are sampled without a beginning.")
    prefix_tokens: int = Field(default=32, ge=1, description="Tokens of a beginning.")
    max_new_tokens: int = Field(default=50, ge=1, description="Tokens of a continuation.")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Nucleus of the texts without a beginning.")
    least_bytes: Literal[8, 16, 32, 64] = Field(
        default=16, description="UTF-8 bytes of the shortest overlap that is found; shorter ones count as 0."
    )
    candidates: int = Field(
        default=1000, ge=100, description="Other numbers that each canary's number is ranked among."
    )
    resamples: int = Field(default=2000, ge=1000, le=100_000, description="Resamples behind each interval.")
    batch_tokens: int = Field(default=2048, ge=64, description="Padded tokens in a batch; bounds memory.")
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads of the model.")
