"""What every section of params.yaml has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of params.yaml: unknown keys and values of another type are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())
