"""What every source yields: batches of records that are not documents yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from textmill.errors import UserError

BATCH_RECORDS = 4096
"""Records in a batch, at most."""


@dataclass(frozen=True)
class Records:
    """A batch of records of one file.

    Attributes:
        keys: string, what tells a record from all others of its source.
        texts: large_string; null where the record has no text.
        meta: string, a JSON object per record that says where it came from.
        places: for messages: names the place of the record with this index in the batch.
    """

    keys: pa.Array
    texts: pa.Array
    meta: pa.Array
    places: Callable[[int], str]


def batched(
    texts: pa.Array, keys: pa.Array | None, *, label: str, where: str, unit: str, numbers: Sequence[int]
) -> Records:
    """Records of one file; without `keys` the key of a record is ``label#number``.

    Args:
        texts: string or large_string of any length.
        keys: any type that casts to string, or None.
        label: the file's name as it enters keys and meta: the same on every machine.
        where: the file's name for messages.
        unit: what `numbers` count, ``line`` or ``row``.
        numbers: of each record within the file, from 1.

    Raises:
        UserError: a key is null.
    """

    def places(index: int) -> str:
        return f"{where}: {unit} {numbers[index]:,}"

    counted = pa.array(numbers, pa.int64()).cast(pa.string())
    if keys is None:
        keys = pc.binary_join_element_wise(label, counted, "#")
    elif keys.null_count:
        empty = pc.index(keys.is_null(), True).as_py()
        raise UserError(f"{places(empty)}: the id field is empty; expected a key of its own for each record.")
    prefix = json.dumps({"file": label, unit: 0}, ensure_ascii=False, separators=(",", ":"))[:-2]
    meta = pc.binary_join_element_wise(prefix, counted, "}", "")
    return Records(keys.cast(pa.string()), texts.cast(pa.large_string()), meta, places)


def single(text: str, *, label: str, where: str, meta: dict[str, Any]) -> Records:
    """A batch of one record that is a whole file."""
    encoded = json.dumps({"file": label, **meta}, ensure_ascii=False, separators=(",", ":"))
    return Records(
        pa.array([label], pa.string()),
        pa.array([text], pa.large_string()),
        pa.array([encoded], pa.string()),
        lambda _: where,
    )


def missing_field(field: str, known: Sequence[str], place: str) -> str:
    """The message for a field that a file or record lacks."""
    return f"{place}: no field {field!r}; expected one of: {', '.join(map(str, known)) or 'none at all'}."


@dataclass(frozen=True)
class Feed:
    """An opened source.

    Attributes:
        records: starts reading from the first record, each time it is called.
        facts: what the manifest says of the origin (hash of the artifact, versions read); the same for the
            same content on every machine.
    """

    records: Callable[[], Iterator[Records]]
    facts: dict[str, Any]
