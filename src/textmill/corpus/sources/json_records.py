"""Texts and keys out of parsed JSON records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pyarrow as pa

from textmill.config.ingest import Conversation
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.records import missing_field
from textmill.errors import UserError

Places = Callable[[int], str]


def parse_lines(lines: list[bytes], places: Places) -> list[Any]:
    """Parse each line as JSON.

    Raises:
        UserError: a line is not JSON; the message names it.
    """
    rows: list[Any] = []
    try:
        for line in lines:
            rows.append(orjson.loads(line))
    except orjson.JSONDecodeError as error:
        raise UserError(f"{places(len(rows))}: not valid JSON ({error}).") from None
    return rows


def from_objects(rows: list[Any], layout: Layout, places: Places) -> tuple[pa.Array, pa.Array | None]:
    """Texts (large_string) and keys (string, or None without an id field) of records.

    A record that is a plain string is its own text.

    Raises:
        UserError: a record lacks a field, or holds something else than text in it; the message names it.
    """
    if layout.conversation is not None:
        texts = [_dialogue(row, layout.conversation, places, index) for index, row in enumerate(rows)]
    else:
        texts = [
            row if isinstance(row, str) else field(row, layout.text, places, index)
            for index, row in enumerate(rows)
        ]
    if layout.scalars:
        texts = [str(value) if isinstance(value, int) else value for value in texts]
    keys = None
    if layout.id is not None:
        values = [field(row, layout.id, places, index) for index, row in enumerate(rows)]
        keys = pa.array([None if value is None else str(value) for value in values], pa.string())
    try:
        return pa.array(texts, pa.large_string()), keys
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        wrong = next(index for index, value in enumerate(texts) if not isinstance(value, str | None))
        found = type(texts[wrong]).__name__
        raise UserError(f"{places(wrong)}: field {layout.text!r}: expected text, found {found}.") from None


def field(row: Any, name: str, places: Places, index: int) -> Any:
    """The value of a field of a record.

    Raises:
        UserError: the record is not an object or lacks the field.
    """
    try:
        return row[name]
    except KeyError:
        raise UserError(missing_field(name, list(row), places(index))) from None
    except (TypeError, IndexError):
        raise UserError(
            f"{places(index)}: expected an object with a field {name!r}, found a {type(row).__name__}."
        ) from None


def _dialogue(row: Any, shape: Conversation, places: Places, index: int) -> str:
    """The messages of a record as lines; speakers are called A, B, … in the order they first speak."""
    names: dict[Any, str] = {}
    lines = []
    for message in _flat(field(row, shape.messages, places, index)):
        speaker = names.setdefault(field(message, shape.speaker, places, index), _letters(len(names)))
        said = " ".join(str(field(message, shape.text, places, index) or "").split())
        if said:
            lines.append(f"{speaker}: {said}")
    return "\n".join(lines)


def _flat(messages: Any) -> Iterator[Any]:
    if isinstance(messages, list):
        for message in messages:
            yield from _flat(message)
    elif messages is not None:
        yield messages


def _letters(number: int) -> str:
    """A to Z, then AA, AB, …"""
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else _letters(number // 26 - 1) + letter
