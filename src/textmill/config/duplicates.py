"""params.yaml: select.duplicates. Which document of a cluster is kept."""

from typing import Literal

from pydantic import Field

from textmill.config.section import Section


class Duplicates(Section):
    """Which of the documents of a cluster that pass every other rule are kept."""

    prefer: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Sources in order of preference; documents of others come after theirs. Then the longest "
        "wins, then the source listed first under `ingest`, then the smallest id.",
    )
    scope: Literal["everywhere", "within", "across"] = Field(
        default="everywhere",
        description="`everywhere` keeps one document of a cluster; `within` one of each source; `across` all "
        "of the winner's source and none of the others.",
    )
