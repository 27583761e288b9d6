"""params.yaml: pretrain. The language models that are trained on the corpus."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from textmill.config.depth import sizes
from textmill.config.training import Training

Style = Literal["llama", "gpt2", "modernbert", "bert", "t5", "bart"]
STYLES: dict[str, tuple[Style, ...]] = {
    "decoder": ("llama", "gpt2"),
    "encoder": ("modernbert", "bert"),
    "seq2seq": ("t5", "bart"),
}
"""The styles of each architecture, the default first."""

LEARNED = ("gpt2", "bert", "bart")
"""Styles with a learned vector for each position: they cannot read further than they were built for."""

SIZES = ("layers", "hidden", "heads", "feed_forward")
TOKENIZER = "models/tokenizer"


class Pretrain(Training):
    """One model: its shape, its objective and its run."""

    architecture: Literal["decoder", "encoder", "seq2seq"] = Field(
        description="decoder (next token), encoder (masked tokens) or seq2seq (missing spans)."
    )
    style: Style | None = Field(
        default=None,
        description="Which model of the architecture: llama or gpt2 for a decoder, modernbert or bert for an "
        "encoder, t5 or bart for seq2seq; null for the first of the two.",
    )
    base: str = Field(
        default=TOKENIZER,
        min_length=1,
        description="Where training starts: models/tokenizer for random weights, or the directory of a model "
        "with this tokenizer (models/pretrained/NAME, models/base/NAME) to go on from its weights; its sizes "
        "are then the base's.",
    )
    depth: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="One number for the size: layers. It derives hidden, heads, feed_forward and learning "
        "rates; those that are given too count instead.",
    )
    layers: int | None = Field(
        default=None, ge=1, le=200, description="Layers; of encoder and decoder each for seq2seq."
    )
    hidden: int | None = Field(default=None, ge=8, description="Width of the residual stream.")
    heads: int | None = Field(default=None, ge=1, description="Attention heads; divides hidden.")
    feed_forward: int | None = Field(
        default=None, ge=8, description="Inner width of the feed-forward layers."
    )
    context: int = Field(ge=16, le=32768, description="Tokens in a training window.")
    positions: int | None = Field(
        default=None,
        ge=16,
        description="Longest input the saved model declares; null for context. It may exceed the training "
        "window, except for gpt2, bert and bart, which learn a vector for each position.",
    )
    steps: int = Field(ge=1, description="Optimizer steps.")
    document_attention: bool = Field(
        default=True,
        description="decoder, encoder: a token sees its own document only, not others that share its window.",
    )
    mask_rate: float = Field(default=0.25, gt=0, lt=1, description="encoder: share of tokens to predict.")
    noise_density: float = Field(default=0.2, gt=0, lt=1, description="seq2seq: share of tokens missing.")
    mean_span: float = Field(default=3.0, ge=1, description="seq2seq: mean length of a missing span.")
    denoising: Literal["spans", "infilling"] | None = Field(
        default=None,
        description="seq2seq: spans asks for the missing spans (T5), infilling for the whole window from one "
        "in which a single mask stands for each span, whose lengths are drawn from a Poisson distribution "
        "(BART); null for that of the style.",
    )
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
        if self.style_name == "bart":
            # A window and the tokens around it, rounded up as batches are.
            return -(-(self.context + 2) // 8) * 8
        return self.positions or self.context

    @property
    def style_name(self) -> Style:
        """The style, also where none is given."""
        return self.style or STYLES[self.architecture][0]

    @property
    def is_infilling(self) -> bool:
        """Whether windows are rebuilt from ones with a mask for each span."""
        usual = "infilling" if self.style_name == "bart" else "spans"
        return self.architecture == "seq2seq" and (self.denoising or usual) == "infilling"

    @property
    def goes_on(self) -> bool:
        """Whether training starts from given weights."""
        return self.base.rstrip("/") != TOKENIZER

    @model_validator(mode="before")
    @classmethod
    def _derived(cls, given: Any) -> Any:
        if not isinstance(given, dict) or not isinstance(given.get("depth"), int) or given["depth"] < 1:
            return given
        styles = STYLES.get(str(given.get("architecture")), ("llama",))
        style = given.get("style") or styles[0]
        known = {name for names in STYLES.values() for name in names}
        found = sizes(given["depth"], style if style in known else styles[0], given.get("optimizer", "muon"))
        return {**found, **{key: value for key, value in given.items() if value is not None}}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.style and self.style not in STYLES[self.architecture]:
            raise ValueError(
                f"style: expected {' or '.join(STYLES[self.architecture])} for a {self.architecture}, "
                f"found {self.style}"
            )
        missing = [name for name in SIZES if getattr(self, name) is None]
        if missing and not self.goes_on:
            raise ValueError(f"expected depth, or {', '.join(missing)} too")
        if self.hidden and self.heads and self.hidden % (2 * self.heads):
            raise ValueError(
                f"heads: expected to divide hidden ({self.hidden}) into even parts, found {self.heads}"
            )
        if self.positions and self.positions > self.context and self.style_name in LEARNED:
            raise ValueError(
                f"positions: {self.style_name} learns a vector for each position; expected at most context "
                f"({self.context}), found {self.positions}. Leave it out, or raise context"
            )
        return self
