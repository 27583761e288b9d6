"""What cannot be read: an error that ends the run, or a row that says what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from textmill.errors import UserError


class Unreadable(UserError):
    """Content that is not what its format promises, at one place of one file.

    Mistakes in params, missing files and stores that do not answer are plain `UserError`: they end the run
    however a source treats bad content.

    Args:
        where: the file's name for messages.
        spot: the place within the file (``line 4``), empty for the file as a whole.
        found: what is there.
        expected: what a readable record or file satisfies.
        record: where one record alone is bad, its number within its file; empty where it is the file.
        records: how many records are lost, as far as is known.
        advice: what to do next, a sentence.
    """

    def __init__(
        self,
        where: str,
        spot: str,
        found: str,
        expected: str,
        *,
        record: str | None = None,
        records: int = 1,
        advice: str = "",
    ):
        self.where, self.spot, self.found, self.expected = where, spot, found, expected
        self.record, self.records = record, records
        place = f"{where}: {spot}" if spot else where
        super().__init__(f"{place}: {found}; expected {expected}.{' ' if advice else ''}{advice}")


@dataclass(frozen=True)
class Fault:
    """A row of unreadable.parquet before it has an id.

    Attributes:
        key: what the id is made of, as a document's is of its record's key.
        place: file and spot; the same on every machine.
        reason: what was found.
        expected: what a readable one satisfies.
        records: how many records it stands for.
        whole: a file, or the rest of one, could not be read.
    """

    key: str
    place: str
    reason: str
    expected: str
    records: int
    whole: bool


@dataclass
class Faults:
    """Collects faults; with `strict` the first one is raised instead."""

    strict: bool = True
    rows: list[Fault] = field(default_factory=list)

    def refuse(self, label: str, error: Unreadable) -> None:
        """Raise or note `error`; `label` is the file's name as it enters keys.

        Raises:
            Unreadable: with `strict`.
        """
        if self.strict:
            raise error
        place = f"{label}: {error.spot}" if error.spot else label
        key = f"{label}#{error.record}" if error.record else place
        whole = error.record is None
        self.rows.append(Fault(key, place, error.found, error.expected, error.records, whole))


UNREADABLE = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("lang", pa.string()),
        ("place", pa.string()),
        ("reason", pa.string()),
        ("expected", pa.string()),
    ]
)
"""What ingest could not read: `id` is made as a document's from source, file and record number; `place` names
file and line, row, byte or member; `reason` is what was found there, `expected` what a readable one is."""


def unreadable_rows(faults: Iterable[Fault], ids: Iterable[str], source: str, lang: str) -> pa.Table:
    """Faults of one source as a table of schema `UNREADABLE`; `ids` go with them one by one."""
    rows = [
        {
            "id": identity,
            "source": source,
            "lang": lang,
            "place": fault.place,
            "reason": fault.reason,
            "expected": fault.expected,
        }
        for fault, identity in zip(faults, ids, strict=True)
    ]
    return pa.Table.from_pylist(rows, UNREADABLE)
