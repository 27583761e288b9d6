"""Read one file of a source: its records checked and split, from the file or from what was kept of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc

from textmill.config.ingest import Source
from textmill.corpus.sources.cache import Cache, Entry
from textmill.corpus.sources.faults import Faults
from textmill.corpus.sources.passages import passages
from textmill.corpus.sources.records import Piece, Records
from textmill.corpus.sources.streams import longer_than


@dataclass
class Tally:
    """What was met in a file.

    Attributes:
        records: how many there were, those that could not be read included.
        empty: how many had no text and are not among the faults.
        facts: bytes and sha256 of the file, as far as they are known.
    """

    records: int = 0
    empty: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """Reads the files of one source.

    Attributes:
        source: its declaration.
        limit: longest record in bytes of UTF-8.
        strict: whether the first thing that cannot be read ends the run.
        cache: what was kept of files read before; None keeps nothing.
    """

    source: Source
    limit: int
    strict: bool
    cache: Cache | None

    def read(self, piece: Piece, faults: Faults, tally: Tally) -> Generator[Records, None, None]:
        """Yield the records of a file that have text within the limit, split into passages if declared.

        Args:
            piece: the file.
            faults: takes what cannot be used.
            tally: is complete once all was yielded.

        Raises:
            UserError: with strict faults, at the first record that cannot be used.
        """
        identity = piece.identity()
        if identity is not None:
            tally.facts = dict(identity.facts)
        own = Faults(self.strict)
        if self.cache is None or identity is None or self.source.limit:
            # With a limit a file may be left early: then what was met so far counts.
            try:
                for records in self._fresh(piece, own, tally):
                    yield records.of(faults)
            finally:
                faults.rows.extend(own.rows)
            return
        depends = {
            **piece.options,
            "label": piece.label,
            "limit": self.limit,
            "strict": self.strict,
            "passage_chars": self.source.passage_chars,
            "lines": getattr(self.source, "lines", False),
        }
        key = self.cache.key(identity.tag, depends)
        entry = self.cache.open(key)
        if entry is not None:
            yield from entry.records(faults)
            self._take(entry, faults, tally)
            return
        with self.cache.writing(key) as kept:
            for records in self._fresh(piece, own, tally):
                kept.write(records)
                yield records.of(faults)
            kept.finish(own.rows, vars(tally))
        faults.rows.extend(own.rows)

    def _take(self, entry: Entry, faults: Faults, tally: Tally) -> None:
        faults.rows.extend(entry.faults)
        tally.records, tally.empty = entry.tally["records"], entry.tally["empty"]
        tally.facts = {**tally.facts, **entry.tally["facts"]}

    def _fresh(self, piece: Piece, faults: Faults, tally: Tally) -> Generator[Records, None, None]:
        within = 0
        try:
            for records in piece.read(faults):
                tally.records += len(records)
                before = len(faults.rows)
                usable = self._usable(records, tally)
                within += len(faults.rows) - before
                if self.source.passage_chars:
                    usable = passages(usable, self.source.passage_chars)
                if len(usable):
                    yield usable
        finally:
            tally.records += sum(fault.records for fault in faults.rows) - within
            tally.facts = {**tally.facts, **piece.facts()}

    def _usable(self, records: Records, tally: Tally) -> Records:
        texts = records.texts
        size = pc.fill_null(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
        long = size > self.limit
        for index in np.flatnonzero(long).tolist():
            found, expected, advice = longer_than(self.limit)
            records.refuse(index, found, expected, advice)
        nul = pc.fill_null(pc.match_substring(texts, "\0"), False).to_numpy(zero_copy_only=False) & ~long
        for index in np.flatnonzero(nul).tolist():
            records.refuse(index, "the text holds a NUL character", "text")
        filled = pc.fill_null(pc.match_substring_regex(texts, r"[^\s\p{Z}]"), False)
        empty = ~filled.to_numpy(zero_copy_only=False) & ~long & ~nul
        if self.strict or getattr(self.source, "lines", False):
            # A blank line between two texts is no record.
            tally.empty += int(empty.sum())
        else:
            for index in np.flatnonzero(empty).tolist():
                found = "the text is empty" if texts[index].is_valid else "the text is null"
                records.refuse(index, found, "text")
        kept = ~(long | nul | empty)
        return records if kept.all() else records.take(np.flatnonzero(kept))
