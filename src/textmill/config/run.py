"""params.yaml: run. How work is carried out; none of it changes what is written."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Run(Section):
    """Where and how wide the stages run."""

    engine: Literal["local"] = Field(default="local", description="What maps operators over shards.")
    workers: int = Field(default=2, ge=1, le=256, description="Worker processes of a data stage.")
