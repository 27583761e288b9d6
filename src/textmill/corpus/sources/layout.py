"""Where in a file or record the text is."""

from __future__ import annotations

from dataclasses import dataclass

from textmill.config.ingest import Conversation, Tabular


@dataclass(frozen=True)
class Layout:
    """Where in a file the records are: see `textmill.config.ingest.Tabular`.

    `limit` is the longest record in bytes; with `scalars` numbers and truth values count as text;
    with `lists` a list of texts does, written as JSON.
    """

    text: str
    id: str | None
    conversation: Conversation | None
    format: str
    lines: bool
    limit: int
    scalars: bool = False
    encodings: tuple[str, ...] = ("utf-8",)
    lists: bool = False

    @property
    def columns(self) -> list[str]:
        """The columns of a table that are read."""
        return list(dict.fromkeys([self.text] + ([self.id] if self.id else [])))

    @classmethod
    def of(cls, source: Tabular, limit: int) -> Layout:
        """The layout that a source declares; `limit` is the longest record in bytes."""
        form = getattr(source, "format", "auto")
        lines = getattr(source, "lines", False)
        encodings = tuple(getattr(source, "encodings", ("utf-8",)))
        return cls(source.text, source.id, source.conversation, form, lines, limit, False, encodings)
