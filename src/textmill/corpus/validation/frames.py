"""Stats frames: facts about documents and task rows, never their text.

Expectations are checked on these. They are a few dozen bytes a row where the text is thousands.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.shards import read_batches, read_schema, read_table, shard_paths
from textmill.errors import UserError
from textmill.files import read_json

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation")
TASK_SPLITS = ("train", "validation", "test")


class StatsFrames:
    """The frames by name, each computed when first asked for.

    - ``documents``: a row per kept document: id, split, source, lang, license, characters.
    - ``languages``, ``sources``: a row per value: documents, characters and their shares (0 to 1).
    - ``splits``: one row: train_documents, validation_documents, validation_share, shared_ids (in both
      splits), unmeasured (kept documents that have no signals).
    - ``signals``: a row per kept document: id and every signal that is a single value.
    - ``tasks``: a row per task and split: task, split, kind, rows, labels, duplicate_ids, empty_inputs,
      empty_targets, inputs_in_train, unseen_labels, input_characters_p50, _p95 and _max.
    - ``task_rows``: a row per task row: task, split, id, label (classification), input_characters,
      target_characters, input_in_train.
    - ``drift``: a row per thing compared with the corpus accepted last (`textmill.corpus.validation.drift`);
      only there once it was added.
    """

    def __init__(
        self,
        corpus: str | os.PathLike[str],
        signals: str | os.PathLike[str],
        tasks: str | os.PathLike[str],
    ):
        self.corpus, self.signals, self.tasks = Path(corpus), Path(signals), Path(tasks)
        self._tables: dict[str, pa.Table] = {}

    def frame(self, name: str) -> pd.DataFrame:
        """The frame as pandas, text columns as pandas strings."""
        return self.table(name).to_pandas()

    def has(self, name: str) -> bool:
        """Whether there is such a frame; all but ``drift`` are there always."""
        return name != "drift" or name in self._tables

    def table(self, name: str) -> pa.Table:
        """The frame as an Arrow table."""
        builders: dict[str, Callable[[], pa.Table]] = {
            "documents": self._documents,
            "languages": lambda: self._shares("lang"),
            "sources": lambda: self._shares("source"),
            "splits": self._splits,
            "signals": self._signals,
            "tasks": self._tasks,
            "task_rows": self._task_rows,
        }
        if name not in self._tables:
            self._tables[name] = builders[name]()
        return self._tables[name]

    def add(self, name: str, table: pa.Table) -> None:
        """Add a frame that is computed elsewhere."""
        self._tables[name] = table

    def _documents(self) -> pa.Table:
        batches = []
        for split in SPLITS:
            if not (self.corpus / split).is_dir():
                raise UserError(
                    f"{self.corpus / split}: not found; expected the shards that the select stage writes."
                )
            for batch in read_batches(self.corpus / split, ["id", "text", "source", "lang", "license"]):
                columns = {key: batch[key] for key in ("id", "source", "lang", "license")}
                columns["split"] = pa.repeat(split, len(batch))
                columns["characters"] = pc.utf8_length(batch["text"]).cast(pa.int64())
                batches.append(pa.RecordBatch.from_pydict(columns))
        return pa.Table.from_batches(batches)

    def _shares(self, column: str) -> pa.Table:
        table = self.table("documents").group_by(column).aggregate([("id", "count"), ("characters", "sum")])
        table = table.rename_columns([column, "documents", "characters"]).sort_by(column)
        for count in ("documents", "characters"):
            total = max(pc.sum(table[count]).as_py() or 0, 1)
            share = pc.divide(table[count].cast(pa.float64()), float(total))
            table = table.append_column(f"{count[:-1]}_share", share)
        return table

    def _splits(self) -> pa.Table:
        documents = self.table("documents")
        train = documents.filter(pc.equal(documents["split"], "train"))["id"]
        validation = documents.filter(pc.equal(documents["split"], "validation"))["id"]
        measured = pc.is_in(documents["id"], value_set=self.table("signals")["id"])
        total = max(len(documents), 1)
        row = {
            "train_documents": len(train),
            "validation_documents": len(validation),
            "validation_share": len(validation) / total,
            "shared_ids": pc.sum(pc.is_in(validation, value_set=train)).as_py() or 0,
            "unmeasured": len(documents) - (pc.sum(measured).as_py() or 0),
        }
        return pa.Table.from_pylist([row])

    def _signals(self) -> pa.Table:
        kept = self.table("documents")["id"]
        paths = shard_paths(self.signals)
        columns = [field.name for field in read_schema(paths[0]) if not pa.types.is_nested(field.type)]
        signals = pa.concat_tables([read_table(path, columns) for path in paths])
        # One look-up table for all rows; one per batch would cost the square of the documents.
        return signals.filter(pc.is_in(signals["id"], value_set=kept.combine_chunks()))

    def _task_rows(self) -> pa.Table:
        tables = [_rows_of_task(path) for path in self._task_folders()]
        return pa.concat_tables(tables)

    def _task_folders(self) -> list[Path]:
        folders = sorted(path.parent for path in self.tasks.glob("*/task.json"))
        if not folders:
            raise UserError(
                f"{self.tasks}: expected a folder per task with task.json, found none. Run the tasks stage."
            )
        return folders

    def _tasks(self) -> pa.Table:
        rows = []
        for folder in self._task_folders():
            kind = read_json(folder / "task.json").get("kind")
            table = self.table("task_rows")
            table = table.filter(pc.equal(table["task"], folder.name))
            by_split = {split: table.filter(pc.equal(table["split"], split)) for split in TASK_SPLITS}
            train_labels = pc.unique(by_split["train"]["label"]).drop_null()
            for split, part in by_split.items():
                rows.append(
                    {"task": folder.name, "split": split, "kind": kind, **_task_facts(part, train_labels)}
                )
        return pa.Table.from_pylist(rows)


def _rows_of_task(folder: Path) -> pa.Table:
    classification = read_json(folder / "task.json").get("kind") == "classification"
    train_inputs: pa.ChunkedArray | None = None
    parts = []
    for split in TASK_SPLITS:
        rows = read_table(folder / f"{split}.parquet", ["id", "input", "target"])
        train_inputs = rows["input"] if train_inputs is None else train_inputs
        missing = pa.nulls(len(rows), pa.string())
        parts.append(
            pa.table(
                {
                    "task": pa.repeat(folder.name, len(rows)),
                    "split": pa.repeat(split, len(rows)),
                    "id": rows["id"],
                    "label": rows["target"].cast(pa.string()) if classification else missing,
                    "input_characters": pc.utf8_length(rows["input"]).cast(pa.int64()),
                    "target_characters": pc.utf8_length(rows["target"]).cast(pa.int64()),
                    "input_in_train": pc.is_in(rows["input"], value_set=train_inputs.combine_chunks())
                    if split != "train"
                    else pa.repeat(False, len(rows)),
                }
            )
        )
    return pa.concat_tables(parts)


def _task_facts(rows: pa.Table, train_labels: pa.Array) -> dict[str, float | int | None]:
    labels = rows["label"].drop_null()
    lengths = rows["input_characters"].drop_null().to_numpy()
    p50, p95, longest = np.quantile(lengths, [0.5, 0.95, 1.0]) if len(lengths) else (0.0, 0.0, 0.0)
    return {
        "rows": len(rows),
        "labels": pc.count_distinct(labels).as_py() if len(labels) else None,
        "duplicate_ids": len(rows) - pc.count_distinct(rows["id"], mode="all").as_py(),
        "empty_inputs": len(rows) - int((lengths > 0).sum()),
        "empty_targets": len(rows) - (pc.sum(pc.greater(rows["target_characters"], 0)).as_py() or 0),
        "inputs_in_train": pc.sum(rows["input_in_train"]).as_py() or 0,
        "unseen_labels": len(labels) - (pc.sum(pc.is_in(labels, value_set=train_labels)).as_py() or 0),
        "input_characters_p50": float(p50),
        "input_characters_p95": float(p95),
        "input_characters_max": float(longest),
    }
