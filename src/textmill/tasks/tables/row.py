"""What every reader of task rows returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Kind = Literal[
    "classification", "generation", "dialogue", "preference", "multilabel", "tagging", "extraction"
]
SPLITS = ("train", "validation", "test")


class Row(NamedTuple):
    """One example. `key` tells it from all others of its task; `source` is where it is from, for people.

    `split` is the split that the data itself prescribes, or empty. `place` names the row in error messages.
    Rows of one `group` stay in one split. The languages, where given, are this row's instead of the table's.
    """

    key: str
    input: str
    target: str
    source: str
    split: str = ""
    place: str = ""
    group: str = ""
    input_lang: str = ""
    target_lang: str = ""


@dataclass
class Table:
    """The rows of a task as they came, and how many were dropped for which reason."""

    kind: Kind
    rows: list[Row]
    input_lang: str
    target_lang: str
    dropped: Counter[str] = field(default_factory=Counter)
