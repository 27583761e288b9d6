"""What pretraining and fine-tuning have in common in params.yaml."""

from typing import Any, Literal

from pydantic import Field

from textmill.config.section import Section


class Training(Section):
    """Optimizer, schedule and bookkeeping of a run."""

    batch: int = Field(ge=1, description="Rows in a step.")
    optimizer: Literal["muon", "adamw"] = Field(
        default="muon",
        description="muon moves hidden matrices with Muon and the rest with AdamW; adamw moves everything.",
    )
    learning_rate: float = Field(gt=0, description="Peak learning rate: of Muon, or of AdamW for adamw.")
    embedding_learning_rate: float = Field(
        default=0.002, gt=0, description="muon: peak learning rate of embeddings, heads and vectors."
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="Decay of matrices, relative to the learning rate."
    )
    warmup: float = Field(default=0.02, ge=0, le=1, description="Share of the steps in which the rate rises.")
    decay: float = Field(
        default=0.6, ge=0, le=1, description="Share of the steps, at the end, in which the rate falls to 0."
    )
    schedule: Literal["wsd", "cosine"] = Field(
        default="wsd",
        description="wsd rises, stays, falls (`warmup`, `decay`); cosine falls as soon as it has risen.",
    )
    average: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Decay of a moving average of the weights, for instance 0.999, which is then what is "
        "validated and saved; null for none.",
    )
    rows_at_once: int | None = Field(
        default=None,
        ge=1,
        description="Rows that are computed at a time; gradients add up to those of `batch` rows. null for "
        "all. Halved by itself where memory runs out.",
    )
    spike: float | None = Field(
        default=None,
        gt=1,
        description="A loss above so many times the median of the last 64 is a fault; null for no limit.",
    )
    faults: Literal["stop", "skip"] = Field(
        default="stop",
        description="What to do at a step whose loss or gradient is no number or whose loss is a spike: stop "
        "with a checkpoint before it, or leave the step out and go on.",
    )
    clip: float = Field(default=1.0, gt=0, description="Norm to which gradients are scaled down.")
    precision: Literal["bf16", "fp32"] = Field(
        default="bf16", description="Numbers in matrix products; weights and averages are always fp32."
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="Where the model is trained; part of the result's last bits."
    )
    attention: Literal["eager", "sdpa"] = Field(
        default="eager",
        description="eager writes attention out, fastest on a CPU at short contexts; sdpa is PyTorch's "
        "fused kernel, for a GPU or long contexts. Part of the result's last bits.",
    )
    compile: bool = Field(
        default=False,
        description="Compile the layers with torch.compile: faster steps after a start of half a minute or "
        "more, see docs/training.md. Part of the result's last bits; needs a C++ compiler on the CPU.",
    )
    recompute: bool = Field(
        default=False,
        description="Activation checkpointing: compute each layer's activations again in the backward pass "
        "instead of keeping them. Less memory, a slower step, the same result.",
    )
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads; part of the result's last bits.")
    log_every: int = Field(default=20, ge=1, description="Steps between points of the loss curve.")
    checkpoint_seconds: float = Field(
        default=30.0, gt=0, description="Seconds between checkpoints, from which a killed run goes on."
    )
    checkpoints: int = Field(
        default=2, ge=1, description="Checkpoints kept; where the last is damaged, the one before it is used."
    )

    def deciding(self) -> dict[str, Any]:
        """The params that decide the result, as plain values: a checkpoint of other ones is of no use."""
        return self.model_dump(exclude={"faults", "checkpoint_seconds", "checkpoints"})
