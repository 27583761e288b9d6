"""params.yaml: probe. Tests of one model for learned stereotypes."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.artifact import Artifact
from textmill.config.section import Section


class PairsArtifact(Artifact):
    """The benchmark's CSV inside a pinned package."""

    member: str = Field(min_length=1, description="The CSV file inside the archive.")


class Probe(Section):
    """CrowS-Pairs on one model."""

    model: str = Field(min_length=1, description="Model directory: models/pretrained/decoder, for instance.")
    method: Literal["log_likelihood", "pseudo_log_likelihood"] = Field(
        description="log_likelihood for a decoder, pseudo_log_likelihood for an encoder."
    )
    files: list[str] = Field(
        default=[], description="CSV files with sent_more, sent_less, stereo_antistereo and bias_type."
    )
    artifact: PairsArtifact | None = Field(default=None, description="Or the same CSV in a pinned package.")
    license: str = Field(min_length=1, description="License of the pairs; shown in the report.")
    max_pairs: int = Field(
        default=1508, ge=1, description="Pairs scored: drawn by the seed, each bias type in its share."
    )
    batch_tokens: int = Field(default=2048, ge=64, description="Padded tokens in a batch; bounds memory.")
    threads: int = Field(default=1, ge=1, le=256, description="CPU threads of the model.")

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.files) == bool(self.artifact):
            raise ValueError("expected either files or artifact")
        return self
