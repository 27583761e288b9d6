"""What pretraining and fine-tuning have in common in params.yaml."""

from typing import Literal

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
    clip: float = Field(default=1.0, gt=0, description="Norm to which gradients are scaled down.")
    precision: Literal["bf16", "fp32"] = Field(
        default="bf16", description="Numbers in matrix products; weights and averages are always fp32."
    )
    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="Where the model is trained; part of the result's last bits."
    )
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads; part of the result's last bits.")
    log_every: int = Field(default=20, ge=1, description="Steps between points of the loss curve.")
    checkpoint_seconds: float = Field(
        default=30.0, gt=0, description="Seconds between checkpoints, from which a killed run goes on."
    )
