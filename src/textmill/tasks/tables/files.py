"""Rows of kind `files`: a user's own jsonl, json, csv or parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from textmill.config.tasks import FilesTask
from textmill.corpus.sources.files import found, local_file
from textmill.corpus.sources.formats import read as records_of
from textmill.corpus.sources.layout import Layout
from textmill.errors import UserError
from textmill.modeling.targets import write_labels
from textmill.tasks.tables.row import Row, Table

RECORD_BYTES = 10_000_000


def read(task: FilesTask, local: Path) -> Table:
    """Read the rows of all files, each with the split that its list of files prescribes.

    Args:
        task: which files and columns.
        local: the folder that the paths are relative to.

    Raises:
        UserError: a file is missing or damaged, lacks a column or holds no row, or a row lacks a value or
            holds a NUL character.
    """
    rows: list[Row] = []
    for split, patterns in (
        # A split without files of its own is drawn from these.
        ("", task.files),
        ("validation", task.validation_files),
        ("test", task.test_files),
    ):
        for path in found(patterns, local):
            before = len(rows)
            rows += _rows(path, local, split, task)
            if len(rows) == before:
                raise UserError(
                    f"{local / path}: no rows; expected at least one for the {split or 'train'} split."
                )
    return Table(task.task, rows, task.input_lang, task.target_lang)


def _rows(path: str, local: Path, split: str, task: FilesTask) -> Iterator[Row]:
    columns = zip(
        _column(path, local, task.input),
        _column(path, local, task.target, task.task == "multilabel"),
        strict=True,
    )
    for (key, text, place), (_, target, _) in columns:
        if task.task == "multilabel":
            target = write_labels(_labels(target or "", task.delimiter))
        if not text or not target or text.isspace() or target.isspace():
            empty = task.target if text and not text.isspace() else task.input
            raise UserError(f"{place}: column {empty!r} is empty; expected text.")
        if "\0" in text or "\0" in target:
            raise UserError(f"{place}: the row holds a NUL character; expected text.")
        yield Row(key, text, target, path, split, place)


def _labels(target: str, delimiter: str) -> list[str]:
    """The labels of a list, or of a text that has `delimiter` between them; none of a blank one."""
    parts = orjson.loads(target) if target.startswith("[") else target.split(delimiter)
    return [part.strip() for part in parts if part and part.strip()]


def _column(path: str, local: Path, name: str, lists: bool = False) -> Iterator[tuple[str, str | None, str]]:
    """Key, value and place of each record's field `name`; lists of texts as JSON where they are wanted."""
    layout = Layout(name, None, None, "auto", lines=False, limit=RECORD_BYTES, scalars=True, lists=lists)
    with local_file(local, path) as file:
        for records in records_of(file, layout):
            texts = records.texts.to_pylist()
            for index, (key, text) in enumerate(zip(records.keys.to_pylist(), texts, strict=True)):
                yield key, text, records.place(index)
