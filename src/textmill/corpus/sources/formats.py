"""Read txt, jsonl, json, csv, parquet and html files as batches of records, in bounded memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

import pyarrow as pa

from textmill.corpus.sources.json_records import from_objects, parse_lines
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.records import BATCH_RECORDS, Records, batched, missing_field, single
from textmill.corpus.sources.streams import checked, damage, line_blocks, longer_than, whole_text
from textmill.errors import UserError

ENDINGS = {
    ".txt": "txt", ".md": "txt", ".text": "txt",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".html": "html", ".htm": "html",
}  # fmt: skip
"""Format by the ending of a file's name."""

COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
"""Endings that say a file is compressed; the format is told by the ending before."""

JSON_BYTES = 256 << 20
"""Largest .json file: it is one value and must be held whole. Use jsonl for more."""


@dataclass(frozen=True)
class Opened:
    """A file open for reading: decompressed bytes, its stable name, and its name for messages."""

    raw: IO[bytes]
    label: str
    where: str


def read(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the records of an open file.

    Raises:
        UserError: the format cannot be told, or the content is not what the format and `layout` promise; the
            message names the file and the line, row or byte.
    """
    form = layout.format if layout.format != "auto" else _format_of(file)
    readers: dict[str, Callable[[Opened, Layout], Iterator[Records]]] = {
        "txt": _read_txt, "jsonl": _read_jsonl, "json": _read_json,
        "csv": _read_csv, "parquet": _read_parquet, "html": _read_html,
    }  # fmt: skip
    return readers[form](file, layout)


def _format_of(file: Opened) -> str:
    name = PurePosixPath(file.label)
    ending = name.with_suffix("").suffix if name.suffix in COMPRESSED else name.suffix
    try:
        return ENDINGS[ending.lower()]
    except KeyError:
        raise UserError(
            f"{file.where}: the ending {ending!r} tells no format; expected one of {', '.join(ENDINGS)}, or "
            "a `format` in the source."
        ) from None


def _read_txt(file: Opened, layout: Layout) -> Iterator[Records]:
    if not layout.lines:
        yield single(
            whole_text(file.raw, file.where, layout.limit), label=file.label, where=file.where, meta={}
        )
        return
    for first, lines in line_blocks(file.raw, file.where, layout.limit):
        texts = pa.array([line.rstrip(b"\r") for line in lines], pa.large_binary()).cast(pa.large_string())
        yield _numbered(file, texts, None, "line", range(first, first + len(lines)))


def _read_html(file: Opened, layout: Layout) -> Iterator[Records]:
    text = whole_text(file.raw, file.where, layout.limit)
    yield single(text, label=file.label, where=file.where, meta={"format": "html"})


def _read_jsonl(file: Opened, layout: Layout) -> Iterator[Records]:
    for first, lines in line_blocks(file.raw, file.where, layout.limit):
        filled = [(number, line) for number, line in enumerate(lines, first) if not line.isspace() and line]
        if not filled:
            continue
        numbers = [number for number, _ in filled]

        def places(index: int, numbers: list[int] = numbers) -> str:
            return f"{file.where}: line {numbers[index]:,}"

        rows = parse_lines([line for _, line in filled], places)
        texts, keys = from_objects(rows, layout, places)
        yield _numbered(file, texts, keys, "line", numbers)


def _read_json(file: Opened, layout: Layout) -> Iterator[Records]:
    with checked(file.raw, file.where) as stream:
        content = stream.read(JSON_BYTES + 1)
    if len(content) > JSON_BYTES:
        raise UserError(
            f"{file.where}: larger than {JSON_BYTES:,} bytes, but a .json file is read whole; expected jsonl."
        )
    value = parse_lines([content], lambda _: file.where)[0]
    if not isinstance(value, list | dict):
        raise UserError(
            f"{file.where}: expected an array or an object of records, found a {type(value).__name__}."
        )
    names = list(value) if isinstance(value, dict) else None
    rows = list(value.values()) if isinstance(value, dict) else value
    for start in range(0, len(rows), BATCH_RECORDS):
        part = rows[start : start + BATCH_RECORDS]

        def places(index: int, start: int = start) -> str:
            return f"{file.where}: record {names[start + index] if names else start + index + 1}"

        texts, keys = from_objects(part, layout, places)
        if keys is None and names is not None:
            keys = pa.array(names[start : start + BATCH_RECORDS], pa.string())
        yield _numbered(file, texts, keys, "row", range(start + 1, start + 1 + len(part)))


def _read_csv(file: Opened, layout: Layout) -> Iterator[Records]:
    from pyarrow import csv as arrow_csv

    stream = checked(file.raw, file.where)
    delimiter = "\t" if ".tsv" in PurePosixPath(file.label).suffixes else ","
    head = stream.peek().split(b"\n", 1)[0].decode("utf-8", "replace").strip("\r")
    header = next(csv.reader([head], delimiter=delimiter), [])
    columns = [layout.text] + ([layout.id] if layout.id else [])
    for column in columns:
        if column not in header:
            raise UserError(missing_field(column, header, file.where))
    row = 1
    try:
        reader = arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(block_size=max(layout.limit, 1 << 20), use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(dict.fromkeys(columns)), column_types=dict.fromkeys(columns, pa.string())
            ),
        )
        for batch in reader:
            yield _columns(file, batch, layout, row)
            row += batch.num_rows
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            raise UserError(longer_than(f"{file.where}: after row {row - 1:,}", layout.limit)) from error
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(f"{file.where}: after row {row - 1:,}: not valid CSV ({reason}).") from error


def _read_parquet(file: Opened, layout: Layout) -> Iterator[Records]:
    import pyarrow.parquet as pq

    raw = file.raw if file.raw.seekable() else io.BytesIO(file.raw.read())
    columns = [layout.text] + ([layout.id] if layout.id else [])
    row = 1
    try:
        parquet = pq.ParquetFile(raw)
        for column in columns:
            if column not in parquet.schema_arrow.names:
                raise UserError(missing_field(column, parquet.schema_arrow.names, file.where))
        for batch in parquet.iter_batches(BATCH_RECORDS, columns=columns, use_threads=False):
            batch.validate(full=True)
            yield _columns(file, batch, layout, row)
            row += batch.num_rows
    except damage() as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"{file.where}: after row {row - 1:,}: expected a readable Parquet file, but {reason}."
        ) from error


def _columns(file: Opened, batch: pa.RecordBatch, layout: Layout, row: int) -> Records:
    texts = batch.column(layout.text)
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if layout.scalars and (pa.types.is_integer(texts.type) or pa.types.is_boolean(texts.type)):
        texts = texts.cast(pa.string())
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        raise UserError(f"{file.where}: column {layout.text!r}: expected text, found {texts.type}.")
    keys = batch.column(layout.id) if layout.id else None
    return _numbered(file, texts, keys, "row", range(row, row + batch.num_rows))


def _numbered(file: Opened, texts: Any, keys: Any, unit: str, numbers: Any) -> Records:
    return batched(texts, keys, label=file.label, where=file.where, unit=unit, numbers=numbers)
