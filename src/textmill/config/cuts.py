"""params.yaml: select.cuts. Which parts of kept documents are cut out."""

from pydantic import Field

from textmill.config.section import Section


class Cuts(Section):
    """Parts of documents that are cut out when the corpus is written; nothing is cut by default."""

    repeats: bool = Field(
        default=False,
        description="Cut the lines, paragraphs and passages that dedup found more than once (`dedup.lines`, "
        "`dedup.paragraphs`, `dedup.substrings`).",
    )
    keep: int = Field(
        default=1, ge=0, description="Of equal repeats, leave the first so many in kept documents."
    )
    lines: bool = Field(default=False, description="Cut the lines that `annotate.line_rules` reject.")
    min_characters: int = Field(
        default=50, ge=1, description="Drop a document of which fewer characters are left after cutting."
    )
