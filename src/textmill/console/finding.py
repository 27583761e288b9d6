"""Which documents a user means: ids, beginnings of ids, a source and key, or an expression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.lookup import Place, find_documents, find_matching, find_prefix
from textmill.corpus.shards import read_table
from textmill.corpus.sources.documents import document_id
from textmill.errors import UserError

HEX = re.compile(r"[0-9a-f]{1,32}")
SHORTEST = 4


def by_prefix(data: Path, text: str) -> tuple[str, Place] | None:
    """The one document whose id begins with `text`, or None.

    Raises:
        UserError: it is no beginning of an id, or several documents have it.
    """
    prefix = checked(text)
    found = find_prefix(data / "clean", prefix)
    if len(found) > 1:
        raise UserError(f"{text}: {_several(len(found))} ids begin so: {', '.join(found)}. Name more digits.")
    return next(iter(found.items()), None)


def checked(text: str) -> str:
    """A beginning of an id in lower case.

    Raises:
        UserError: it is none, or too short to mean anything.
    """
    prefix = text.strip().lower()
    if not HEX.fullmatch(prefix) or len(prefix) < SHORTEST:
        raise UserError(
            f"{text!r}: expected an id, which is 32 hex digits, or at least the first {SHORTEST} of them. To "
            "find documents by their text use --match."
        )
    return prefix


def by_key(data: Path, source: str, key: str) -> tuple[str, Place]:
    """The document that a source's record of this key became.

    Raises:
        UserError: there is none.
    """
    identity = document_id(source, key)
    places = find_documents(data / "clean", [identity])
    if identity not in places:
        raise UserError(
            f"--key {source} {key}: no document has the id {identity} that this key gives. A key is the "
            "record's own, or FILE#NUMBER; of records that were split into passages it ends in #NUMBER too."
        )
    return identity, places[identity]


def by_text(data: Path, pattern: str, most: int | None = 20) -> dict[str, Place]:
    """The documents whose text matches an expression.

    Raises:
        UserError: the expression is not valid, or nothing matches.
    """
    try:
        found = find_matching(data / "clean", pattern, most)
    except pa.ArrowInvalid as error:
        raise UserError(f"--match {pattern}: not an expression of RE2: {error}.") from None
    if not found:
        raise UserError(f"--match {pattern}: no document's text matches.")
    return found


def task_rows(data: Path, ids: Sequence[str], prefix: bool = False) -> dict[str, tuple[str, str]]:
    """Task and split of the task rows with these ids (or, with `prefix`, whose ids begin so)."""
    found = {}
    for path in sorted((data / "tasks").glob("*/*.parquet")):
        column = read_table(path, ["id"])["id"]
        if prefix:
            rows = column.filter(pc.starts_with(column, ids[0]))
        else:
            rows = column.filter(pc.is_in(column, value_set=pa.array(ids, column.type)))
        found.update(dict.fromkeys(rows.to_pylist(), (path.parent.name, path.stem)))
    return found


def _several(count: int) -> str:
    return "at least 20" if count >= 20 else str(count)
