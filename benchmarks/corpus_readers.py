"""What reading each format costs, and what reading again costs when one file of fifty has changed."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import zstandard

from benchmarks.corpus import build
from benchmarks.processes import Cost, once
from textmill.config.ingest import Ingest
from textmill.corpus.shards import read_batches
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.ingest import ingest

TITLE = "Readers"
NOTE = (
    "MB are those of the text that comes out; documents are checked, given ids and written as Parquet "
    "shards. No cache, except in the last rows: there one file of fifty has changed since the run before. "
    "Memory is what comes on top of an idle process."
)

TEXT_BYTES = 32 << 20
"""Text in the files of the fast formats."""

SLOW_DOCUMENTS = 50
"""Documents of the formats that are parsed page by page."""


def texts(size: int) -> Iterator[str]:
    """Texts of the shared corpus, in order, of about `size` bytes."""
    for batch in read_batches(build(), ["text"]):
        for text in batch["text"].to_pylist():
            size -= len(text.encode())
            if size < 0:
                return
            yield text


def write_files(folder: Path) -> None:
    """The same texts in every format."""
    table = pa.table({"text": pa.array(texts(TEXT_BYTES), pa.large_string())})
    rows = table["text"].to_pylist()
    lines = b"".join(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n" for text in rows)
    (folder / "a.jsonl").write_bytes(lines)
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(lines, 6))
    (folder / "a.jsonl.zst").write_bytes(zstandard.compress(lines, 3))
    pa.csv.write_csv(table, folder / "a.csv")
    pq.write_table(table, folder / "a.parquet", row_group_size=10_000, compression="zstd")
    pa.feather.write_feather(table, str(folder / "a.feather"), compression="zstd")
    (folder / "a.txt").write_text("\n".join(" ".join(text.split()) for text in rows), encoding="utf-8")
    with tarfile.open(folder / "a.tar.gz", "w:gz", compresslevel=6) as archive:
        for number, text in enumerate(rows[:3_000]):
            content = text.encode()
            entry = tarfile.TarInfo(f"{number:06d}.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    pages = [f"<html><body><p>{text}</p></body></html>".encode() for text in rows[:3_000]]
    write_warc(folder / "a.warc.gz", pages)
    for name in ("pdf", "docx"):
        (folder / name).mkdir()
    for number in range(SLOW_DOCUMENTS):
        part = rows[number * 20 : number * 20 + 20]
        (folder / "docx" / f"{number}.docx").write_bytes(word_file(part))
        (folder / "pdf" / f"{number}.pdf").write_bytes(pdf_file(part))
    for number in range(50):
        part = b"\n".join(lines.split(b"\n")[number::50])
        (folder / f"part-{number:02d}.jsonl").write_bytes(part)


def write_warc(path: Path, pages: list[bytes]) -> None:
    """A compressed web archive with an answer for each page."""
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for number, page in enumerate(pages):
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], "HTTP/1.1")
            uri = f"http://example.org/{number}"
            writer.write_record(
                writer.create_warc_record(uri, "response", io.BytesIO(page), http_headers=headers)
            )


def word_file(paragraphs: list[str]) -> bytes:
    """A Word document."""
    from docx import Document

    document = Document()
    for text in paragraphs:
        document.add_paragraph("".join(character for character in text if character.isprintable()))
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def pdf_file(paragraphs: list[str]) -> bytes:
    """A PDF with a page for each paragraph, Latin text only."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    writer = PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    for text in paragraphs:
        page = writer.add_blank_page(600, 800)
        fonts = DictionaryObject({NameObject("/F1"): font})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        plain = text.encode("ascii", "ignore").decode()
        shown = [
            plain[at : at + 90].replace("\\", "").replace("(", "").replace(")", "")
            for at in range(0, len(plain), 90)
        ]
        content = DecodedStreamObject()
        body = "".join(f"({' '.join(line.split())}) Tj 0 -14 Td\n" for line in shown)
        content.set_data(f"BT /F1 12 Tf 50 780 Td\n{body}ET".encode())
        page[NameObject("/Contents")] = writer._add_object(content.flate_encode())
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def reading(folder: Path, path: str, kept: str, changes: dict[str, Any]) -> Callable[[], int]:
    """Prepares to ingest `path`; what is returned does it and gives the bytes of text."""
    source = {"kind": "files", "paths": [path], "license": "CC0-1.0", **changes}
    settings = Ingest.model_validate({"local": str(folder), "sources": {"own": source}})
    cache = Cache(folder / kept, 1 << 34) if kept else None
    target = folder / "out" / "raw"

    def work() -> int:
        return int(ingest(settings, target, None, cache)["bytes"])

    return work


FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "jsonl": ("a.jsonl", {}),
    "jsonl.gz": ("a.jsonl.gz", {}),
    "jsonl.zst": ("a.jsonl.zst", {}),
    "csv": ("a.csv", {}),
    "Parquet": ("a.parquet", {}),
    "Arrow (feather, zstd)": ("a.feather", {}),
    "txt, a document a line": ("a.txt", {"lines": True}),
    "txt in tar.gz, 3,000 files": ("a.tar.gz", {}),
    "WARC.gz, 3,000 pages": ("a.warc.gz", {}),
    "PDF, 50 files of 20 pages": ("pdf/*.pdf", {}),
    "Word, 50 files of 20 paragraphs": ("docx/*.docx", {}),
}


def rows() -> list[tuple[str, str, str, str]]:
    """Read every format once, and fifty files three times."""
    with tempfile.TemporaryDirectory(prefix="textmill-readers-") as scratch:
        folder = Path(scratch)
        write_files(folder)
        found = [
            (
                name,
                "–",
                _speed(once(reading, folder, path, "", {"on_error": "record", "max_unreadable": 1, **more})),
                "–",
            )
            for name, (path, more) in FORMATS.items()
        ]
        shutil.rmtree(folder / "out")
        return found + _again(folder)


def _speed(cost: Cost) -> str:
    return (
        f"{cost.value / 1e6:.1f} MB: {cost.value / 1e6 / cost.cpu:,.0f} MB per CPU-second, "
        f"{cost.peak / 1e6:,.0f} MB of memory"
    )


def _again(folder: Path) -> list[tuple[str, str, str, str]]:
    found = []
    for name, path, change in (
        ("jsonl", "part-*.jsonl", folder / "part-07.jsonl"),
        ("Word", "docx/*.docx", folder / "docx" / "17.docx"),
    ):
        # The first run fills the cache.
        without = once(reading, folder, path, "", {})
        once(reading, folder, path, "kept", {})
        change.write_bytes(change.with_name(change.name.replace("7", "8", 1)).read_bytes())
        again = once(reading, folder, path, "kept", {})
        found.append(
            (
                f"one of 50 {name} files changed: CPU-seconds against reading all",
                "–",
                f"{again.cpu:.2f} of {without.cpu:.2f} ({again.cpu / without.cpu:.0%})",
                "–",
            )
        )
    return found
