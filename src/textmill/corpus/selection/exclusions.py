"""The exclusion list: ids of documents and task rows that must not be trained on, with reason and date."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from textmill.errors import UserError
from textmill.files import replacing

_ID = re.compile(r"[0-9a-f]{32}")


class Exclusion(NamedTuple):
    """One line: the id (32 hex digits), and why and when it was listed, if that was said."""

    id: str
    reason: str = ""
    date: str = ""


def read_exclusions(path: str | os.PathLike[str]) -> list[Exclusion]:
    """The lines of an exclusion list in order; blank lines are skipped.

    Raises:
        UserError: the file is missing, or a line is not an object with an `id` of 32 hex digits and, at most,
            the texts `reason` and `date`.
    """
    file = Path(path)
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UserError(
            f"{file}: cannot be read ({error.strerror}); expected the exclusion list that params.yaml "
            "names at select.exclude_file. Create it empty, or take the key out."
        ) from None
    return [_parsed(line, f"{file}: line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def _parsed(line: bytes, where: str) -> Exclusion:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise UserError(f"{where}: expected a JSON object with an id, but {error}.") from None
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not _ID.fullmatch(value["id"]):
        found = line.decode("utf-8", "replace")[:80]
        raise UserError(f"{where}: expected an object whose id is 32 hex digits, found {found}.")
    unknown = sorted(set(value) - set(Exclusion._fields))
    if unknown or not all(isinstance(part, str) for part in value.values()):
        raise UserError(
            f"{where}: expected the keys id, reason and date with texts, found "
            f"{', '.join(unknown) or 'a value that is no text'}."
        )
    return Exclusion(**value)


def write_exclusions(path: str | os.PathLike[str], exclusions: Sequence[Exclusion]) -> None:
    """Write an exclusion list, one JSON object a line; what is empty is left out."""
    values = ({key: value for key, value in row._asdict().items() if value} for row in exclusions)
    lines = [orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE) for value in values]
    with replacing(path) as temporary:
        temporary.write_bytes(b"".join(lines))


def exclusion_list(path: str | None) -> frozenset[str]:
    """The ids that the exclusion list at `path` holds; without a path, none.

    Raises:
        UserError: as `read_exclusions`.
    """
    return frozenset(row.id for row in read_exclusions(path)) if path else frozenset()


def excluded_ids(exclude: Sequence[str], path: str | None) -> list[str]:
    """The ids of `exclude` and of the exclusion list at `path`, each once, in order.

    Raises:
        UserError: as `read_exclusions`.
    """
    listed = [row.id for row in read_exclusions(path)] if path else []
    return list(dict.fromkeys([*exclude, *listed]))
