"""Lines of JSON objects in a user's own files, with the place of each for messages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from textmill.config.dialogue_tasks import LocalFiles
from textmill.corpus.sources.files import found, local_file
from textmill.errors import UserError
from textmill.modeling.conversations import ROLES, Message


def local_lines(task: LocalFiles, local: Path) -> Iterator[tuple[dict[str, Any], str, str, str]]:
    """Object, place, file and prescribed split of every line of the task's files.

    Raises:
        UserError: a file is missing or holds no line, or a line is no JSON object.
    """
    named = (("", task.files), ("validation", task.validation_files), ("test", task.test_files))
    for split, patterns in named:
        for path in found(patterns, local):
            count = 0
            with local_file(local, path) as file:
                for entry, place in lines(file.raw.read(), str(local / path)):
                    count += 1
                    yield entry, place, path, split
            if not count:
                raise UserError(
                    f"{local / path}: no rows; expected at least one for the {split or 'train'} split."
                )


def lines(content: bytes, where: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The objects of JSON lines, each with its place, ``where: line N``."""
    for number, line in enumerate(content.decode("utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        place = f"{where}: line {number:,}"
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UserError(f"{place}: expected a JSON object, but {error}.") from None
        if not isinstance(entry, dict):
            raise UserError(f"{place}: expected a JSON object, found {line[:60]!r}.")
        yield entry, place


def messages_of(value: Any, place: str, key: str) -> list[Message]:
    """Check a list of ``{"role", "content"}``.

    Raises:
        UserError: names what is wrong and where.
    """
    if not isinstance(value, list) or not value:
        raise UserError(f"{place}: {key}: expected a list of messages, found {str(value)[:60]!r}.")
    found: list[Message] = []
    for number, message in enumerate(value):
        at = f"{place}: {key}[{number}]"
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise UserError(f"{at}: expected a role and a content that is text, found {str(message)[:60]!r}.")
        role = message.get("role")
        if role not in ROLES:
            raise UserError(f"{at}: role: expected one of {', '.join(ROLES)}, found {role!r}.")
        if role == "system" and number:
            raise UserError(f"{at}: role: expected system at the beginning only.")
        if not message["content"].strip():
            raise UserError(f"{at}: content: expected text, found none.")
        found.append({"role": role, "content": message["content"].strip()})
    return found
