"""Source kind `huggingface`: a dataset that `datasets.load_dataset` opens, streamed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from textmill.config.ingest import HuggingFace, Ingest
from textmill.corpus.sources.compression import damage, reason_of, refused
from textmill.corpus.sources.faults import Faults, Unreadable
from textmill.corpus.sources.files import identity_of
from textmill.corpus.sources.json_records import from_objects
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.opening import options
from textmill.corpus.sources.records import (
    BATCH_RECORDS,
    Feed,
    Identity,
    Origin,
    Piece,
    Records,
    missing_field,
)
from textmill.corpus.sources.tables import text_columns
from textmill.errors import UserError

_COMMIT = re.compile("[0-9a-f]{40}")


def feed(source: HuggingFace, settings: Ingest) -> Feed:
    """Open a dataset for streaming; only its builder files are read before the first record is asked for.

    Raises:
        UserError: there is no such dataset, configuration, revision or split, or it lacks a field.
    """
    folder = Path(settings.local) / source.path
    dataset = _loaded(source, str(folder) if folder.exists() else source.path)
    columns = [source.conversation.messages if source.conversation else source.text]
    columns += [source.id] if source.id else []
    known = dataset.column_names or list(next(iter(dataset), {}))
    for column in columns:
        if column not in known:
            found, expected = missing_field(column, known)
            raise UserError(f"{source.path}: {found}; expected {expected}.")
    layout = Layout.of(source, settings.max_record_bytes)
    rows = dataset.select_columns(list(dict.fromkeys(columns))).with_format("arrow")
    read = partial(_records, rows, source, layout)
    depends = {
        **options(layout, settings.archives),
        "dataset": source.model_dump(include={"path", "name", "split", "revision", "data_files"}),
    }
    piece = Piece(source.path, read, partial(_identity, source, folder), depends)
    return Feed([piece], {"dataset": source.path, "revision": source.revision or "", "split": source.split})


def _identity(source: HuggingFace, folder: Path) -> Identity | None:
    """The content of a local folder, or the commit that pins a dataset of the hub."""
    if not folder.exists():
        pinned = source.revision and _COMMIT.fullmatch(source.revision)
        return Identity(f"commit:{source.revision}", {}) if pinned else None
    paths = sorted(path for path in [folder, *folder.rglob("*")] if path.is_file())
    total, digest = 0, hashlib.sha256()
    for path in paths:
        identity = identity_of(path)
        total += identity.facts["bytes"]
        digest.update(f"{path.relative_to(folder)}\0{identity.facts['sha256']}\n".encode())
    return Identity(f"folder:{digest.hexdigest()}", {"bytes": total, "sha256": digest.hexdigest()})


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
        raise UserError(
            f"{source.path}: expected a dataset with split {source.split!r}, below ingest.local or on the "
            f"hub, but {reason_of(error)}."
        ) from error


def _records(dataset: Any, source: HuggingFace, layout: Layout, faults: Faults) -> Iterator[Records]:
    from datasets.exceptions import DatasetsError

    origin = Origin(source.path, source.path, faults)
    row = 1
    try:
        for table in dataset.iter(batch_size=BATCH_RECORDS):
            for batch in table.combine_chunks().to_batches():
                numbers = range(row, row + batch.num_rows)
                if source.conversation:
                    yield from_objects(origin, batch.to_pylist(), layout, "row", numbers)
                else:
                    yield text_columns(origin, batch, layout, numbers)
                row += batch.num_rows
    except UserError as error:
        _refuse(origin, error)
    except (*damage(), DatasetsError) as error:
        found = f"damaged after row {row - 1:,}"
        _refuse(origin, refused(error, source.path, found, "a readable dataset"))


def _refuse(origin: Origin, error: UserError) -> None:
    if not isinstance(error, Unreadable):
        raise error
    origin.faults.refuse(origin.label, error)
