"""What every source yields: files, and of each file batches of records that are not documents yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.archives import NESTED
from textmill.corpus.sources.faults import Faults, Unreadable

BATCH_RECORDS = 4096
"""Records in a batch, at most."""

BATCH_BYTES = 4 << 20
"""Bytes of text after which a batch of members or pages is closed."""

UNITS = ("line", "row", "record")
"""What numbers the records of a file; `meta` holds one of them where a file has several records."""


@dataclass(frozen=True)
class Origin:
    """The file that records come from.

    Attributes:
        label: its name as it enters keys and meta: the same on every machine.
        where: its name for messages.
        faults: takes what cannot be read.
    """

    label: str
    where: str
    faults: Faults = field(default_factory=Faults)

    def refuse(self, spot: str, found: str, expected: str, **more: Any) -> None:
        """Raise or note that something cannot be read; see `Unreadable` for the arguments."""
        self.faults.refuse(self.label, Unreadable(self.where, spot, found, expected, **more))


@dataclass(frozen=True)
class Records:
    """A batch of records of one file or archive.

    Attributes:
        keys: string, what tells a record from all others of its source.
        texts: large_string; null where the record has no text.
        meta: string, a JSON object per record that says where it came from.
        origin: the file or archive.
    """

    keys: pa.Array
    texts: pa.Array
    meta: pa.Array
    origin: Origin

    def __len__(self) -> int:
        return len(self.keys)

    def place(self, index: int) -> str:
        """The place of the record with this index in the batch, for messages."""
        spot, _ = self._spot(index)
        where = self._file(index).where
        return f"{where}: {spot}" if spot else where

    def _file(self, index: int) -> Origin:
        """The file of a record: `origin`, or a member of it where that is an archive."""
        label = json.loads(self.meta[index].as_py()).get("file", self.origin.label)
        if label == self.origin.label:
            return self.origin
        name = label.removeprefix(f"{self.origin.label}{NESTED}")
        return Origin(label, f"{self.origin.where}: {name}", self.origin.faults)

    def _spot(self, index: int) -> tuple[str, str]:
        """The place of a record within its file and its number; both are empty for a whole file."""
        known = json.loads(self.meta[index].as_py())
        numbers = [str(known[unit]) for unit in UNITS if unit in known]
        parts = [f"{unit} {known[unit]:,}" for unit in UNITS if unit in known]
        parts += [str(known["object"])] if "object" in known else []
        if "passage" in known:
            parts.append(f"passage {known['passage']}")
            numbers.append(str(known["passage"]))
        return ", ".join(parts), ":".join(numbers)

    def take(self, indices: np.ndarray) -> Records:
        """The records with these indices."""
        chosen = pa.array(indices)
        return Records(self.keys.take(chosen), self.texts.take(chosen), self.meta.take(chosen), self.origin)

    def of(self, faults: Faults) -> Records:
        """The same, with `faults` to take what is refused from now on."""
        return Records(self.keys, self.texts, self.meta, Origin(self.origin.label, self.origin.where, faults))

    def refuse(self, index: int, found: str, expected: str, advice: str = "") -> None:
        """Raise or note that one record cannot be used."""
        spot, number = self._spot(index)
        self._file(index).refuse(spot, found, expected, record=number, advice=advice)


def batched(
    origin: Origin, texts: pa.Array, keys: pa.Array | None, unit: str, numbers: Sequence[int]
) -> Records:
    """Records of one file; without `keys` the key of a record is ``label#number``.

    Args:
        origin: the file.
        texts: string or large_string of any length.
        keys: any type that casts to string, or None; a record with a null key is refused.
        unit: what `numbers` count, one of `UNITS`.
        numbers: of each record within the file, from 1.
    """
    counted = pa.array(numbers, pa.int64()).cast(pa.string())
    prefix = json.dumps({"file": origin.label, unit: 0}, ensure_ascii=False, separators=(",", ":"))[:-2]
    meta = pc.binary_join_element_wise(prefix, counted, "}", "")
    if keys is None:
        keys = pc.binary_join_element_wise(origin.label, counted, "#")
    records = Records(keys.cast(pa.string()), texts.cast(pa.large_string()), meta, origin)
    if not keys.null_count:
        return records
    missing = keys.is_null().to_numpy(zero_copy_only=False)
    for index in np.flatnonzero(missing).tolist():
        records.refuse(index, "the id field is empty", "a key of its own for each record")
    return records.take(np.flatnonzero(~missing))


def single(origin: Origin, text: str, meta: dict[str, Any]) -> Records:
    """A batch of one record that is a whole file."""
    return described(origin, [origin.label], [text], [{"file": origin.label, **meta}])


def described(origin: Origin, keys: list[str], texts: list[str], metas: list[dict[str, Any]]) -> Records:
    """Records of which each has a meta of its own."""
    encoded = [json.dumps(meta, ensure_ascii=False, separators=(",", ":")) for meta in metas]
    return Records(
        pa.array(keys, pa.string()),
        pa.array(texts, pa.large_string()),
        pa.array(encoded, pa.string()),
        origin,
    )


def joined(parts: Sequence[Records], origin: Origin) -> Records:
    """The records of several members of the archive `origin` as one batch."""
    if len(parts) == 1:
        return Records(parts[0].keys, parts[0].texts, parts[0].meta, origin)
    return Records(
        pa.concat_arrays([part.keys for part in parts]),
        pa.concat_arrays([part.texts for part in parts]),
        pa.concat_arrays([part.meta for part in parts]),
        origin,
    )


def missing_field(field: str, known: Sequence[str]) -> tuple[str, str]:
    """What was found and expected where a file or record lacks a field."""
    return f"no field {field!r}", f"one of: {', '.join(map(str, known)) or 'none at all'}"


@dataclass(frozen=True)
class Identity:
    """What tells a file's content from any other content.

    Attributes:
        tag: equal tags mean equal content.
        facts: what the list of files says of it: ``bytes`` and, where the content was hashed, ``sha256``.
    """

    tag: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Piece:
    """A part of a source that is read as one: a file, an archive, a package, a dataset.

    Attributes:
        label: its name in the list of files: the same on every machine.
        read: starts reading from the first record, each time it is called.
        identity: looks at the content as it is now; None where only reading it would tell.
        options: what the records depend on beside content and the source's declaration.
        facts: called after reading, what the list of files says where `identity` is None.
    """

    label: str
    read: Callable[[Faults], Iterator[Records]]
    identity: Callable[[], Identity | None] = lambda: None
    options: dict[str, Any] = field(default_factory=dict)
    facts: Callable[[], dict[str, Any]] = dict


@dataclass(frozen=True)
class Feed:
    """An opened source.

    Attributes:
        pieces: what it consists of, in order.
        facts: what the manifest says of the origin (hash of the artifact, versions read); the same for the
            same content on every machine.
    """

    pieces: list[Piece]
    facts: dict[str, Any]
