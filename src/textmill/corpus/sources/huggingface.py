"""Source kind `huggingface`: a dataset that `datasets.load_dataset` opens, streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from textmill.config.ingest import HuggingFace
from textmill.corpus.sources.json_records import from_objects
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.records import BATCH_RECORDS, Feed, Records, batched, missing_field
from textmill.errors import UserError


def feed(source: HuggingFace, local: Path) -> Feed:
    """Open a dataset for streaming; only its builder files are read before the first record is asked for.

    Raises:
        UserError: there is no such dataset, configuration, revision or split, or it lacks a field.
    """
    folder = local / source.path
    dataset = _loaded(source, str(folder) if folder.exists() else source.path)
    columns = [source.conversation.messages if source.conversation else source.text]
    columns += [source.id] if source.id else []
    known = dataset.column_names or list(next(iter(dataset), {}))
    for column in columns:
        if column not in known:
            raise UserError(missing_field(column, known, source.path))

    def records() -> Iterator[Records]:
        row = 1
        for batch in dataset.select_columns(columns).iter(batch_size=BATCH_RECORDS):
            count = len(batch[columns[0]])
            yield _records(batch, source, source.path, range(row, row + count))
            row += count

    return Feed(records, {"dataset": source.path, "revision": source.revision or "", "split": source.split})


def _loaded(source: HuggingFace, path: str) -> Any:
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    datasets.disable_progress_bars()
    try:
        return datasets.load_dataset(
            path,
            name=source.name,
            split=source.split,
            revision=source.revision,
            data_files=source.data_files,
            streaming=True,
        )
    except (DatasetNotFoundError, FileNotFoundError, ConnectionError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"{source.path}: expected a dataset with split {source.split!r}, below ingest.local or on the "
            f"hub, but {reason}."
        ) from error


def _records(batch: dict[str, list[Any]], source: HuggingFace, label: str, numbers: range) -> Records:
    where = source.path

    def places(index: int) -> str:
        return f"{where}: row {numbers[index]:,}"

    if source.conversation:
        names = list(batch)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*batch.values(), strict=True)]
        texts, _ = from_objects(rows, Layout.of(source, 0), places)
    else:
        try:
            texts = pa.array(batch[source.text], pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            found = type(batch[source.text][0]).__name__
            raise UserError(f"{places(0)}: field {source.text!r}: expected text, found {found}.") from error
    keys = pa.array(batch[source.id]) if source.id else None
    return batched(texts, keys, label=label, where=where, unit="row", numbers=numbers)
