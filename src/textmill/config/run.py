"""params.yaml: run. How work is carried out; none of it changes what is written."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Run(Section):
    """Where and how wide the stages run."""

    engine: Literal["local", "ray"] = Field(
        default="local",
        description="Who works on the shards: processes of this machine, or a Ray cluster (extra `ray`).",
    )
    workers: int = Field(
        default=2,
        ge=1,
        le=256,
        description="Worker processes of a data stage on this machine, also of a local Ray cluster.",
    )
    ray_address: str | None = Field(
        default=None,
        description="A running Ray cluster: `auto` for that of this machine, or `host:port`. Without one, a "
        "cluster of this machine alone is started on loopback and ended with the stage.",
    )
    ray_task_cpus: float = Field(default=1.0, gt=0, description="CPUs that Ray sets aside for a shard.")
    ray_task_memory: int | None = Field(
        default=None, ge=1, description="Bytes of memory that Ray sets aside for a shard; none if not given."
    )
    ray_retries: int = Field(
        default=3, ge=0, le=100, description="How often a shard is tried again when its node or worker died."
    )
    reading_cache_gb: float = Field(
        default=8.0,
        ge=0,
        description="Largest size of .textmill/ingest, which keeps what ingest read of each file, so that it "
        "reads only changed files again; 0 keeps nothing.",
    )
