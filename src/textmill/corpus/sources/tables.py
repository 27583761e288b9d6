"""csv, Parquet and Arrow files: columns of text, batch by batch."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa

from textmill.corpus.sources.compression import damage, reason_of, refused
from textmill.corpus.sources.faults import Unreadable
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.members import seekable
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import BATCH_RECORDS, Origin, Records, batched, missing_field
from textmill.corpus.sources.streams import CheckedText, longer_than

_CONTINUES = b"\xff\xff\xff\xff"


def read_csv(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the rows of a csv or tsv file with a header.

    Raises:
        Unreadable: a column is missing, or a row is too long to find the next one.
    """
    from pyarrow import csv as arrow_csv

    stream = CheckedText(file.raw, file, layout.encodings)
    delimiter = "\t" if ".tsv" in PurePosixPath(file.label).suffixes else ","
    head = stream.peek().split(b"\n", 1)[0].decode("utf-8", "replace").strip("\r")
    _check_columns(file, next(csv.reader([head], delimiter=delimiter), []), layout)
    skipped: list[int] = []

    def skip(row: Any) -> str:
        if file.faults.strict:
            return "error"
        # Arrow counts the header as a row.
        skipped.append(row.number - 1)
        file.refuse(
            f"row {row.number - 1:,}",
            f"{row.actual_columns} columns",
            f"the {row.expected_columns} of the header",
            record=str(row.number - 1),
        )
        return "skip"

    row = 1
    try:
        reader = arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(block_size=max(layout.limit, 1 << 20), use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=layout.columns, column_types=dict.fromkeys(layout.columns, pa.binary())
            ),
        )
        for batch in reader:
            numbers = _numbers_without(row, batch.num_rows, skipped)
            yield text_columns(file, batch, layout, numbers, binary=True)
            row = numbers[-1] + 1 if len(numbers) else row
    except pa.ArrowInvalid as error:
        if "straddl" in str(error):
            found, expected, advice = longer_than(layout.limit)
            raise Unreadable(file.where, f"after row {row - 1:,}", found, expected, advice=advice) from error
        raise Unreadable(
            file.where, f"after row {row - 1:,}", f"not valid CSV ({reason_of(error)})", "valid CSV"
        ) from error


def _numbers_without(start: int, count: int, skipped: list[int]) -> Sequence[int]:
    """The next `count` numbers from `start` on that are not in `skipped`."""
    left = sorted(number for number in skipped if number >= start)
    if not left:
        return range(start, start + count)
    candidates = np.arange(start, start + count + len(left))
    return candidates[~np.isin(candidates, left)][:count].tolist()


def read_parquet(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the rows of a Parquet file, row group by row group; a damaged group is refused alone.

    Raises:
        Unreadable: it is no Parquet file, or a column is missing or holds no text.
    """
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(
            seekable(file.raw), memory_map=False, pre_buffer=False, page_checksum_verification=True
        )
        names, rows = parquet.schema_arrow.names, parquet.metadata.num_rows
    except damage() as error:
        raise _not_readable(error, file, "Parquet", 0) from error
    _check_columns(file, names, layout, rows)
    first = 1
    for group in range(parquet.num_row_groups):
        row, rows = first, parquet.metadata.row_group(group).num_rows
        first += rows
        try:
            batches = parquet.iter_batches(
                BATCH_RECORDS, row_groups=[group], columns=layout.columns, use_threads=False
            )
            for batch in batches:
                yield text_columns(file, batch, layout, range(row, row + batch.num_rows))
                row += batch.num_rows
        except Unreadable:
            raise
        except damage() as error:
            refusal = _not_readable(error, file, "Parquet", row - 1, first - row)
            if not isinstance(refusal, Unreadable):
                raise refusal from error
            file.faults.refuse(file.label, refusal)


def read_arrow(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the rows of an Arrow IPC file (.arrow, .feather) or stream (.arrow, .arrows).

    Memory: one record batch as it was written; none of a file that is mapped.

    Raises:
        Unreadable: it is neither, is cut short, or a column is missing or holds no text.
    """
    row = 1
    try:
        reader, batches = _arrow_batches(file, layout)
        _check_columns(file, reader.schema.names, layout)
        for whole in batches:
            whole = whole.select(layout.columns)
            for start in range(0, whole.num_rows, BATCH_RECORDS):
                batch = whole.slice(start, BATCH_RECORDS)
                yield text_columns(file, batch, layout, range(row, row + batch.num_rows))
                row += batch.num_rows
    except Unreadable:
        raise
    except damage() as error:
        raise _not_readable(error, file, "Arrow", row - 1) from error


def _arrow_batches(file: Opened, layout: Layout) -> tuple[Any, Iterator[pa.RecordBatch]]:
    raw = pa.memory_map(str(file.path)) if file.path else pa.PythonFile(cast(Any, seekable(file.raw)), "r")
    head = raw.read(6)
    raw.seek(0)
    if not head:
        raise Unreadable(file.where, "", "the file is empty", "an Arrow file or stream")
    if head[:4] == b"FEA1":
        raise Unreadable(file.where, "", "Feather of version 1", "version 2, which is Arrow IPC")
    if head != b"ARROW1":
        stream = pa.ipc.open_stream(raw)
        return stream, _of_stream(stream, raw, head[:4] == _CONTINUES)
    schema = pa.ipc.open_file(raw).schema
    fields = [schema.get_field_index(name) for name in layout.columns if name in schema.names]
    table = pa.ipc.open_file(raw, options=pa.ipc.IpcReadOptions(included_fields=fields))
    if len(fields) < len(layout.columns):
        table = pa.ipc.open_file(raw)
    return table, (table.get_batch(index) for index in range(table.num_record_batches))


def _of_stream(stream: Any, raw: Any, continues: bool) -> Iterator[pa.RecordBatch]:
    """The batches of a stream, which Arrow takes for finished also where it was cut between two.

    The end mark is a message of no length; before format version 0.15 messages began without `_CONTINUES`.
    """
    yield from stream
    mark = (_CONTINUES if continues else b"") + b"\0\0\0\0"
    raw.seek(max(raw.tell() - len(mark), 0))
    if raw.read(len(mark)) != mark:
        raise EOFError("the stream ends without its end mark")


def _not_readable(error: BaseException, file: Opened, form: str, row: int, records: int = 1) -> BaseException:
    refusal = refused(error, file.where, reason_of(error), "")
    if not isinstance(refusal, Unreadable):
        return refusal
    spot = f"after row {row:,}"
    return Unreadable(file.where, spot, reason_of(error), f"a readable {form} file", records=records)


def _check_columns(file: Opened, names: Sequence[str], layout: Layout, records: int = 1) -> None:
    for column in layout.columns:
        if column not in names:
            raise Unreadable(file.where, "", *missing_field(column, names), records=max(records, 1))


def text_columns(
    file: Origin, batch: pa.RecordBatch, layout: Layout, numbers: Sequence[int], binary: bool = False
) -> Records:
    """Records out of a batch of rows; one that is not in UTF-8 is refused.

    Args:
        file: where the rows are from.
        batch: has the columns that `layout` names.
        layout: which columns.
        numbers: of the rows, from 1.
        binary: the columns hold bytes that have yet to be decoded.

    Raises:
        Unreadable: the column holds something else than text.
    """
    texts = batch.column(layout.text)
    if pa.types.is_dictionary(texts.type):
        texts = texts.dictionary_decode()
    if layout.scalars and (pa.types.is_integer(texts.type) or pa.types.is_boolean(texts.type)):
        texts = texts.cast(pa.string())
    if layout.lists and (pa.types.is_list(texts.type) or pa.types.is_large_list(texts.type)):
        texts = pa.array([None if row is None else orjson.dumps(row).decode() for row in texts.to_pylist()])
    kind = texts.type
    if not binary and not (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    ):
        raise Unreadable(
            file.where, "", f"column {layout.text!r} holds {kind}", "text in it", records=max(len(texts), 1)
        )
    keys = batch.column(layout.id) if layout.id else None
    if keys is not None and pa.types.is_dictionary(keys.type):
        keys = keys.dictionary_decode()
    bad = sorted({*_not_utf8(texts), *(_not_utf8(keys) if keys is not None else ())})
    for index in bad:
        file.refuse(f"row {numbers[index]:,}", "not in UTF-8", "text in UTF-8", record=str(numbers[index]))
    if bad:
        kept = np.setdiff1d(np.arange(len(texts)), bad)
        texts, numbers = texts.take(pa.array(kept)), [numbers[index] for index in kept.tolist()]
        keys = keys.take(pa.array(kept)) if keys is not None else None
    if keys is not None and pa.types.is_binary(keys.type):
        keys = keys.cast(pa.string())
    return batched(file, texts.cast(pa.large_string()), keys, "row", numbers)


def _not_utf8(values: pa.Array) -> list[int]:
    """The indices of values that are no UTF-8; numbers have none."""
    kind = values.type
    if pa.types.is_string_view(kind):
        values, kind = values.cast(pa.large_binary()), pa.large_binary()
    if not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind)
    ) and not pa.types.is_large_binary(kind):
        return []
    raw = values.cast(pa.large_binary())
    try:
        raw.cast(pa.large_string())
    except pa.ArrowInvalid:
        return [index for index, value in enumerate(raw.to_pylist()) if value and not _decodes(value)]
    return []


def _decodes(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
