"""jsonl and json files: texts and keys out of parsed records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa

from textmill.config.ingest import Conversation
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import BATCH_RECORDS, Origin, Records, batched, missing_field
from textmill.corpus.sources.streams import blocks, line_blocks, text_of

JSON_BYTES = 256 << 20
"""Largest .json file: it is one value and must be held whole. Use jsonl for more."""


class _Wrong(Exception):
    """What was found in a record and what was expected."""


def read_jsonl(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the records of a file with one JSON value a line; blank lines are left out.

    Raises:
        Unreadable: the file is damaged, or with strict faults a line cannot be used.
    """
    for numbers, lines in line_blocks(file.raw, file, layout.limit, layout.encodings):
        filled = [
            (number, line) for number, line in zip(numbers, lines, strict=True) if line and not line.isspace()
        ]
        rows, kept = _parsed(filled, file)
        if rows:
            yield from_objects(file, rows, layout, "line", kept)


def _parsed(lines: list[tuple[int, bytes]], file: Opened) -> tuple[list[Any], list[int]]:
    try:
        return [orjson.loads(line) for _, line in lines], [number for number, _ in lines]
    except orjson.JSONDecodeError:
        pass
    rows: list[Any] = []
    kept: list[int] = []
    for number, line in lines:
        try:
            rows.append(orjson.loads(line))
            kept.append(number)
        except orjson.JSONDecodeError as error:
            file.refuse(
                f"line {number:,}", f"not valid JSON ({error})", "a JSON value on each line",
                record=str(number),
            )  # fmt: skip
    return rows, kept


def read_json(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the records of a file that is one JSON array or object of records.

    Raises:
        Unreadable: it is too large to be held, or something else.
    """
    content = b""
    for block in blocks(file.raw):
        content += block
        if len(content) > JSON_BYTES:
            raise Unreadable(
                file.where,
                "",
                f"larger than {JSON_BYTES:,} bytes, but a .json file is read whole",
                "jsonl",
            )
    try:
        value = orjson.loads(text_of(content, file, layout.encodings))
    except orjson.JSONDecodeError as error:
        raise Unreadable(file.where, "", f"not valid JSON ({error})", "one JSON value") from None
    if not isinstance(value, list | dict):
        raise Unreadable(file.where, "", f"a {type(value).__name__}", "an array or an object of records")
    names = list(value) if isinstance(value, dict) else None
    rows = list(value.values()) if isinstance(value, dict) else value
    for start in range(0, len(rows), BATCH_RECORDS):
        part = rows[start : start + BATCH_RECORDS]
        numbers = range(start + 1, start + 1 + len(part))
        yield from_objects(
            file, part, layout, "row", numbers, names[start : start + len(part)] if names else None
        )


def from_objects(
    origin: Origin,
    rows: list[Any],
    layout: Layout,
    unit: str,
    numbers: Sequence[int],
    names: list[str] | None = None,
) -> Records:
    """Records out of parsed JSON values; a value that is a plain string is its own text.

    Args:
        origin: the file.
        rows: the values; one that lacks a field, or holds something else than text in it, is refused.
        layout: where the text is.
        unit: what `numbers` count.
        numbers: of each value within the file.
        names: keys of the values, used where `layout` names no field for them.
    """
    texts, keys = _columns(rows, layout)
    if texts is None:
        good = []
        for index, row in enumerate(rows):
            try:
                _text(row, layout)
                if layout.id is not None:
                    _field(row, layout.id)
                good.append(index)
            except _Wrong as wrong:
                spot = f"{unit} {numbers[index]:,}"
                origin.refuse(spot, *wrong.args, record=str(numbers[index]))
        texts, keys = _columns([rows[index] for index in good], layout)
        numbers = [numbers[index] for index in good]
        names = [names[index] for index in good] if names else None
    if keys is None and names is not None:
        keys = pa.array(names, pa.string())
    return batched(origin, texts, keys, unit, numbers)


def _columns(rows: list[Any], layout: Layout) -> tuple[pa.Array | None, pa.Array | None]:
    """Texts (large_string) and keys (string, None without an id field); (None, None) if any row is wrong."""
    try:
        texts = [_value(row, layout) for row in rows]
        keys = None
        if layout.id is not None:
            values = [_field(row, layout.id) for row in rows]
            keys = pa.array([None if value is None else str(value) for value in values], pa.string())
        return pa.array(texts, pa.large_string()), keys
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError, _Wrong):
        return None, None


def _value(row: Any, layout: Layout) -> Any:
    if layout.conversation is not None:
        return _dialogue(row, layout.conversation)
    value = row if isinstance(row, str) else _field(row, layout.text)
    if layout.lists and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return orjson.dumps(value).decode()
    return str(value) if layout.scalars and isinstance(value, int) else value


def _text(row: Any, layout: Layout) -> str | None:
    value = _value(row, layout)
    if not isinstance(value, str | None):
        raise _Wrong(f"field {layout.text!r} holds {type(value).__name__}", "text in it")
    return value


def _field(row: Any, name: str) -> Any:
    try:
        return row[name]
    except KeyError:
        raise _Wrong(*missing_field(name, list(row))) from None
    except (TypeError, IndexError):
        raise _Wrong(f"a {type(row).__name__}", f"an object with a field {name!r}") from None


def _dialogue(row: Any, shape: Conversation) -> str:
    """The messages of a record as lines; speakers are called A, B, … in the order they first speak."""
    names: dict[Any, str] = {}
    lines = []
    for message in _flat(_field(row, shape.messages)):
        speaker = names.setdefault(_hashable(_field(message, shape.speaker)), _letters(len(names)))
        said = " ".join(str(_field(message, shape.text) or "").split())
        if said:
            lines.append(f"{speaker}: {said}")
    return "\n".join(lines)


def _hashable(speaker: Any) -> Any:
    return str(speaker) if isinstance(speaker, list | dict) else speaker


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
