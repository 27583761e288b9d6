"""params.yaml: evaluate_lm. How pretrained models are judged on validation documents."""

from pydantic import Field

from textmill.config.section import Section


class EvaluateLm(Section):
    """Documents, windows, masks and baseline of the evaluation of pretrained models."""

    resamples: int = Field(
        default=2000, ge=1000, le=100_000, description="Bootstrap resamples behind each interval and p."
    )
    max_tokens: int = Field(
        default=150_000,
        ge=1,
        description="Validation tokens looked at: whole documents drawn by the seed until they hold so many.",
    )
    context: int = Field(
        default=256, ge=8, description="Tokens in a window; less where the model reads fewer. Match training."
    )
    stride: int = Field(
        default=128,
        ge=1,
        description="Decoder: tokens a window moves on in a long document; the rest of it is context.",
    )
    batch_tokens: int = Field(default=4096, ge=64, description="Padded tokens in a batch; bounds memory.")
    mask_fraction: float = Field(
        default=0.15, gt=0, lt=1, description="Encoder and encoder-decoder: share of tokens hidden."
    )
    mean_span: float = Field(default=3.0, ge=1, description="Encoder-decoder: mean tokens in a hidden span.")
    ngram_order: int = Field(default=5, ge=1, le=8, description="Order of the decoder's n-gram baseline.")
    baseline_tokens: int = Field(
        default=20_000_000, ge=1, description="Training tokens the baseline counts; bounds its memory."
    )
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads of the model.")
