"""Build the files of a task: rows read, cleaned, split and written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from textmill.config.answer_tasks import AnswersTask
from textmill.config.dialogue_tasks import DialogueTask, PreferenceTask
from textmill.config.labelled_tasks import ExtractionTask, ScoresTask, TaggingTask
from textmill.config.tasks import BaseTask, FilesTask, SentimentTask, SummarizationTask, TranslationTask
from textmill.corpus.shards import write_table
from textmill.corpus.sources.documents import document_id
from textmill.errors import UserError
from textmill.files import replacing_directory, write_json
from textmill.modeling.targets import labels_of
from textmill.tasks.tables import (
    answers,
    dialogue,
    extraction,
    files,
    preference,
    scores,
    sentiment,
    splits,
    summarization,
    tagging,
    translation,
)
from textmill.tasks.tables.row import SPLITS, Row, Table

ROW = pa.schema(
    [
        ("id", pa.string()),
        ("input", pa.large_string()),
        ("target", pa.large_string()),
        ("source", pa.string()),
        ("input_lang", pa.string()),
        ("target_lang", pa.string()),
    ]
)
"""A row: `target` is the label's name for classification, and `textmill.modeling.targets` says what it is for
label sets, tags and answers; the languages are ISO 639 codes or empty."""


def build(
    name: str,
    task: BaseTask,
    seed: int,
    local: Path,
    clean: Callable[[str], str],
    target: Path,
    excluded: Collection[str] = (),
) -> dict[str, Any]:
    """Write ``train.parquet``, ``validation.parquet``, ``test.parquet`` and ``task.json`` into `target`.

    The directory is complete or absent.

    Args:
        name: of the task.
        task: its declaration.
        seed: decides, with the rows' keys, which row goes into which split.
        local: the folder that a `files` task's paths are relative to.
        clean: applied to each text, the same that documents go through.
        target: the directory.
        excluded: ids of rows to leave out.

    Returns:
        What task.json says.

    Raises:
        UserError: the rows cannot be read as declared or split.
    """
    try:
        table = splits.consistent(splits.cleaned(_without(name, _read(task, local), excluded), clean))
        if not table.rows:
            raise UserError(f"no usable row; dropped: {dict(table.dropped) or 'none'}.")
        parts = splits.split(table, task, name, seed)
    except UserError as error:
        prefix = f"tasks.{name}"
        raise error if str(error).startswith(prefix) else UserError(f"{prefix}: {error}") from error
    labels = sorted({label for row in parts["train"] for label in labels_of(table.kind, row.target)})
    about = {
        "name": name,
        "kind": table.kind,
        "license": task.license,
        "labels": labels,
        "rows": {part: len(rows) for part, rows in parts.items()},
        "dropped": dict(sorted(table.dropped.items())),
        "sources": sorted({row.source for row in table.rows}),
        "input_lang": table.input_lang,
        "target_lang": table.target_lang,
    }
    with replacing_directory(target) as folder:
        for part in SPLITS:
            arrow = _arrow(name, parts[part], table)
            write_table(folder / f"{part}.parquet", arrow)
            if part == "test":
                about["test_sha256"] = content_hash(arrow)
        write_json(folder / "task.json", about)
    return about


def content_hash(table: pa.Table) -> str:
    """sha256 of a table's ids, inputs and targets as JSON lines: of the content, not of the file format."""
    digest = hashlib.sha256()
    for row in table.select(["id", "input", "target"]).to_pylist():
        digest.update(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return digest.hexdigest()


def _without(name: str, table: Table, excluded: Collection[str]) -> Table:
    if not excluded:
        return table
    kept = [row for row in table.rows if document_id(name, row.key) not in excluded]
    if len(kept) < len(table.rows):
        table.dropped["on the exclusion list"] += len(table.rows) - len(kept)
        table.rows = kept
    return table


def _read(task: BaseTask, local: Path) -> Table:
    if isinstance(task, SentimentTask):
        return sentiment.read(task)
    if isinstance(task, TranslationTask):
        return translation.read(task)
    if isinstance(task, SummarizationTask):
        return summarization.read(task)
    if isinstance(task, FilesTask):
        return files.read(task, local)
    if isinstance(task, DialogueTask):
        return dialogue.read(task, local)
    if isinstance(task, AnswersTask):
        return answers.read(task, local)
    if isinstance(task, PreferenceTask):
        return preference.read(task, local)
    if isinstance(task, ScoresTask):
        return scores.read(task)
    if isinstance(task, TaggingTask):
        return tagging.read(task, local)
    if isinstance(task, ExtractionTask):
        return extraction.read(task, local)
    raise TypeError(f"no reader for {type(task).__name__}")


def _arrow(name: str, rows: list[Row], table: Table) -> pa.Table:
    columns = [
        [document_id(name, row.key) for row in rows],
        [row.input for row in rows],
        [row.target for row in rows],
        [row.source for row in rows],
        [row.input_lang or table.input_lang for row in rows],
        [row.target_lang or table.target_lang for row in rows],
    ]
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, ROW, strict=True)], schema=ROW
    )
