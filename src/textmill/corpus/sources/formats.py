"""Read files of any format as batches of records, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import pyarrow as pa

from textmill.corpus.sources.compression import COMPRESSED
from textmill.corpus.sources.json_records import read_json, read_jsonl
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.opened import Opened
from textmill.corpus.sources.records import Records, batched, single
from textmill.corpus.sources.streams import line_blocks, whole_text
from textmill.corpus.sources.tables import read_arrow, read_csv, read_parquet
from textmill.errors import UserError

ENDINGS = {
    ".txt": "txt", ".md": "txt", ".text": "txt",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json",
    ".csv": "csv", ".tsv": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow",
    ".html": "html", ".htm": "html",
    ".warc": "warc", ".wet": "warc", ".pdf": "pdf", ".docx": "docx",
}  # fmt: skip
"""Format by the ending of a file's name."""

Reader = Callable[[Opened, Layout], Iterator[Records]]


def read(file: Opened, layout: Layout) -> Iterator[Records]:
    """Yield the records of an open file; a record that cannot be read is refused (see `Faults`).

    Raises:
        Unreadable: the content is not what the format and `layout` promise; the message names the file and
            the line, row or byte.
        UserError: the format cannot be told, or needs a package that is not installed.
    """
    form = layout.format if layout.format != "auto" else _format_of(file)
    return _reader(form)(file, layout)


def _reader(form: str) -> Reader:
    if form == "warc":
        from textmill.corpus.sources.warc import read_warc

        return read_warc
    if form == "pdf":
        from textmill.corpus.sources.pdf import read_pdf

        return read_pdf
    if form == "docx":
        from textmill.corpus.sources.docx import read_docx

        return read_docx
    readers: dict[str, Reader] = {
        "txt": _read_txt, "html": _read_html, "jsonl": read_jsonl, "json": read_json,
        "csv": read_csv, "parquet": read_parquet, "arrow": read_arrow,
    }  # fmt: skip
    return readers[form]


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
        yield single(file, whole_text(file.raw, file, layout.limit, layout.encodings), {})
        return
    for numbers, lines in line_blocks(file.raw, file, layout.limit, layout.encodings):
        if lines:
            stripped = [line.rstrip(b"\r") for line in lines]
            texts = pa.array(stripped, pa.large_binary()).cast(pa.large_string())
            yield batched(file, texts, None, "line", numbers)


def _read_html(file: Opened, layout: Layout) -> Iterator[Records]:
    text = whole_text(file.raw, file, layout.limit, layout.encodings, html=True)
    yield single(file, text, {"format": "html"})
