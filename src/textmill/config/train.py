"""params.yaml: train. How many processes train a model together."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from textmill.config.section import Section


class Train(Section):
    """One process, or several that share the rows of every step."""

    launcher: Literal["single", "ddp", "fsdp"] = Field(
        default="single",
        description="single: one process. ddp: each process holds the whole model and computes its share of "
        "a step's rows. fsdp: weights and optimizer state are divided too (FSDP2, `fully_shard`). The stage "
        "starts its processes by torchrun. How many there are is part of the result's last bits.",
    )
    processes: int = Field(
        default=2, ge=1, le=1024, description="ddp, fsdp: processes on each machine; one per GPU on cuda."
    )
    nodes: int = Field(default=1, ge=1, le=1024, description="ddp, fsdp: machines, see docs/training.md.")
    rendezvous: str | None = Field(
        default=None,
        pattern=r"^[^:\s]+:\d+$",
        description="ddp, fsdp on several nodes: `host:port` of the first, where all of them meet.",
    )

    @property
    def size(self) -> int:
        """Processes in all."""
        return 1 if self.launcher == "single" else self.processes * self.nodes

    def deciding(self) -> dict[str, Any]:
        """What of it decides the result's bits; nothing for one process alone."""
        return {} if self.launcher == "single" else {"launcher": self.launcher, "ranks": self.size}

    @model_validator(mode="after")
    def _nodes_meet(self) -> Self:
        if self.launcher != "single" and self.nodes > 1 and self.rendezvous is None:
            raise ValueError(f"rendezvous: expected host:port for {self.nodes} nodes, found none")
        return self
