"""The texts of the rows that must stay unseen, read from tasks and from the user's files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from textmill.config.contamination import EvaluationSet
from textmill.corpus.shards import read_table
from textmill.corpus.sources.documents import document_id
from textmill.corpus.sources.files import found, local_file
from textmill.corpus.sources.formats import read as records_of
from textmill.corpus.sources.layout import Layout
from textmill.errors import UserError
from textmill.modeling.conversations import words_said

TEXT = pa.schema(
    [("set", pa.string()), ("id", pa.string()), ("column", pa.string()), ("text", pa.large_string())]
)
"""One text of a row: the task or set, the row's id, and the column the text is in."""

RECORD_BYTES = 10_000_000


def task_texts(tasks: str | os.PathLike[str], names: Sequence[str], splits: Sequence[str]) -> pa.Table:
    """The inputs, then the targets of the tasks' rows, as a table of schema `TEXT`.

    Args:
        tasks: directory with ``NAME/SPLIT.parquet`` (columns `id`, `input`, `target`).
        names: the tasks.
        splits: which rows of a task must stay unseen.

    Raises:
        UserError: a file is missing, damaged or lacks a column.
    """
    pieces = [TEXT.empty_table()]
    for name in names:
        for split in splits:
            table = read_table(Path(tasks) / name / f"{split}.parquet", ["id", "input", "target"])
            for column in ("input", "target"):
                pieces.append(
                    pa.table(
                        [
                            pa.repeat(pa.scalar(name), table.num_rows),
                            table["id"].cast(pa.string()),
                            pa.repeat(pa.scalar(column), table.num_rows),
                            _said(table[column]),
                        ],
                        schema=TEXT,
                    )
                )
    return pa.concat_tables(pieces)


def _said(column: pa.ChunkedArray) -> pa.Array:
    """The texts; of conversations what is said, for no document has the marks of who says it."""
    return pa.array([words_said(text) for text in column.to_pylist()], pa.large_string())


def set_texts(sets: Mapping[str, EvaluationSet], local: Path, clean: Callable[[str], str]) -> pa.Table:
    """The texts of the sets' rows, as a table of schema `TEXT`.

    A row's id is that of a document with the set's name as its source. The rows are held in memory.

    Args:
        sets: what to read, by name.
        local: the folder that their files are relative to.
        clean: applied to each text, the same that documents go through: what it masks there is masked here.

    Raises:
        UserError: a file is missing or damaged, lacks a column, or a set has no text at all.
    """
    pieces = [TEXT.empty_table()]
    for name in sorted(sets):
        rows = list(_rows(name, sets[name], local, clean))
        if not rows:
            listed = ", ".join(sets[name].columns)
            raise UserError(
                f"params.yaml: contamination.sets.{name}: no row has a text; expected some in {listed}."
            )
        ids, columns, texts = zip(*rows, strict=True)
        arrays = [pa.repeat(pa.scalar(name), len(rows)), pa.array(ids), pa.array(columns)]
        pieces.append(pa.table([*arrays, pa.array(texts, pa.large_string())], schema=TEXT))
    return pa.concat_tables(pieces)


def _rows(
    name: str, declared: EvaluationSet, local: Path, clean: Callable[[str], str]
) -> Iterator[tuple[str, str, str]]:
    try:
        for column in declared.columns:
            layout = Layout(column, declared.id, None, "auto", lines=False, limit=RECORD_BYTES, scalars=True)
            for path in found(declared.files, local):
                with local_file(local, path) as file:
                    for records in records_of(file, layout):
                        pairs = zip(records.keys.to_pylist(), records.texts.to_pylist(), strict=True)
                        for key, text in pairs:
                            if text and not text.isspace():
                                yield document_id(name, key), column, clean(text)
    except UserError as error:
        raise UserError(f"params.yaml: contamination.sets.{name}: {error}") from error
