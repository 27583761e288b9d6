"""params.yaml: pretrain. The language models that are trained from random weights."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.training import Training


class Pretrain(Training):
    """One model: its shape, its objective and its run."""

    architecture: Literal["decoder", "encoder", "seq2seq"] = Field(
        description="decoder (Llama, next token), encoder (ModernBERT, masked tokens), seq2seq (T5, spans)."
    )
    layers: int = Field(ge=1, le=200, description="Layers; of encoder and decoder each for seq2seq.")
    hidden: int = Field(ge=8, description="Width of the residual stream.")
    heads: int = Field(ge=1, description="Attention heads; divides hidden.")
    feed_forward: int = Field(ge=8, description="Inner width of the feed-forward layers.")
    context: int = Field(ge=16, le=32768, description="Tokens in a training window.")
    positions: int | None = Field(
        default=None,
        ge=16,
        description="Longest input the saved model declares; null for context. No architecture here learns "
        "positions, so it may exceed the training window.",
    )
    steps: int = Field(ge=1, description="Optimizer steps.")
    document_attention: bool = Field(
        default=True,
        description="decoder, encoder: a token sees its own document only, not others that share its window.",
    )
    mask_rate: float = Field(default=0.25, gt=0, lt=1, description="encoder: share of tokens to predict.")
    noise_density: float = Field(default=0.2, gt=0, lt=1, description="seq2seq: share of tokens missing.")
    mean_span: float = Field(default=3.0, ge=1, description="seq2seq: mean length of a missing span.")
    first_line: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="seq2seq: share of steps that ask for a document's first line instead of spans.",
    )
    rebuild: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="seq2seq: share of steps that ask for a whole window from one with masked tokens.",
    )
    validations: int = Field(default=4, ge=1, description="Validations in a run, the last at its end.")
    validation_tokens: int = Field(default=40_000, ge=1, description="Tokens a validation looks at, at most.")

    @property
    def longest_input(self) -> int:
        """Tokens in the longest input that the saved model declares."""
        return self.positions or self.context

    @model_validator(mode="after")
    def _heads_divide_hidden(self) -> Self:
        if self.hidden % (2 * self.heads):
            raise ValueError(
                f"heads: expected to divide hidden ({self.hidden}) into even parts, found {self.heads}"
            )
        return self
