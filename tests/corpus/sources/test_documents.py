"""Arrow, WARC, PDF and Word files: the text comes out, damage is told, memory is bounded."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.corpus.sources import document_files as make
from tests.corpus.sources.source_files import TEXTS, ingested
from textmill.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    return made


def message(folder: Path, name: str, **source: Any) -> str:
    with pytest.raises(UserError) as caught:
        ingested(folder, {"kind": "files", "paths": [name], **source})
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Arrow


TABLE = pa.table({"n": list(range(4)), "text": TEXTS, "id": [f"k{index}" for index in range(4)]})


@pytest.mark.parametrize("kind", ["file", "stream", "feather", "dictionary", "view"])
def test_arrow_files_and_streams_agree(folder: Path, kind: str) -> None:
    table = TABLE
    if kind == "dictionary":
        table = TABLE.set_column(1, "text", TABLE["text"].dictionary_encode())
    if kind == "view":
        table = TABLE.set_column(1, "text", TABLE["text"].cast(pa.string_view()))
    path = folder / ("a.feather" if kind == "feather" else "a.arrow")
    if kind == "feather":
        import pyarrow.feather

        pyarrow.feather.write_feather(table, str(path), compression="zstd", chunksize=3)
    else:
        make_writer = pa.ipc.new_stream if kind == "stream" else pa.ipc.new_file
        with pa.OSFile(str(path), "wb") as sink, make_writer(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
    found = ingested(folder, {"kind": "files", "paths": [path.name], "id": "id"})
    assert found.text.tolist() == TEXTS
    assert [json.loads(meta)["row"] for meta in found.meta] == [1, 2, 3, 4]
    packed = folder / f"{path.name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert ingested(folder, {"kind": "files", "paths": [packed.name]}).text.tolist() == TEXTS
    assert "no field 'body'; expected one of: n, text, id" in message(folder, path.name, text="body")
    assert "column 'n' holds int64; expected text" in message(folder, path.name, text="n")


def test_an_arrow_stream_that_ends_between_two_batches_is_not_taken_for_whole(folder: Path) -> None:
    sink = pa.BufferOutputStream()
    ends = []
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        for batch in TABLE.to_batches(max_chunksize=2):
            writer.write_batch(batch)
            ends.append(sink.tell())
    content = sink.getvalue().to_pybytes()
    for cut in (ends[0], ends[0] + 40, len(content) - 8):
        (folder / "a.arrow").write_bytes(content[:cut])
        assert "expected a readable Arrow file" in message(folder, "a.arrow")
    (folder / "a.arrow").write_bytes(b"")
    assert "the file is empty" in message(folder, "a.arrow")
    (folder / "a.feather").write_bytes(b"FEA1 of old")
    assert "Feather of version 1; expected version 2" in message(folder, "a.feather")


# WARC


PAGE = "<html><head><meta charset='{}'></head><body><p>{}</p></body></html>"
OK = "200 OK"


def answers() -> list[tuple[str, str, str, bytes]]:
    zipped = gzip.compress(PAGE.format("utf-8", "Compressed 磨坊").encode())
    chunked = b"5\r\nHello\r\n7\r\n, world\r\n0\r\n\r\n"
    return [
        ("http://example.org/", OK, "Content-Type: text/html; charset=utf-8",
         PAGE.format("", TEXTS[0]).encode()),
        ("http://example.cn/", OK, "Content-Type: text/html; charset=GBK",
         PAGE.format("", TEXTS[1]).encode("gbk")),
        ("http://example.tw/", OK, "Content-Type: text/html",
         PAGE.format("big5", "磨坊坐落在溪水邊").encode("big5")),
        ("http://example.org/gz", OK, "Content-Type: text/html\nContent-Encoding: gzip", zipped),
        ("http://example.org/c", OK, "Content-Type: text/plain\nTransfer-Encoding: chunked", chunked),
        ("http://example.org/gone", "404 Not Found", "Content-Type: text/html", b"<p>gone</p>"),
        ("http://example.org/picture", OK, "Content-Type: image/png", b"\x89PNG"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_answers_of_a_web_archive_become_documents(folder: Path, name: str) -> None:
    make.warc(answers(), name.endswith("gz"), folder / name)
    found = ingested(folder, {"kind": "files", "paths": [name]})
    assert [TEXTS[0] in found.text[0], TEXTS[1] in found.text[1]] == [True, True]
    assert "磨坊坐落在溪水邊" in found.text[2] and "Compressed 磨坊" in found.text[3]
    assert found.text[4] == "Hello, world" and len(found) == 5
    first, last = json.loads(found.meta[0]), json.loads(found.meta[4])
    assert first["url"] == "http://example.org/" and first["date"] == "2026-05-04T03:02:01Z"
    assert first["format"] == "html" and "format" not in last
    assert first["record"] == 2 and first["file"] == name


def test_damage_of_a_web_archive_keeps_what_came_before(folder: Path) -> None:
    make.warc(answers(), True, folder / "a.warc.gz")
    whole = (folder / "a.warc.gz").read_bytes()
    (folder / "a.warc.gz").write_bytes(whole[: len(whole) // 2])
    assert "a.warc.gz: damaged after" in message(folder, "a.warc.gz")
    record = {"on_error": "record", "max_unreadable": 0.5}
    found = ingested(folder, {"kind": "files", "paths": ["a.warc.gz"], **record})
    assert TEXTS[0] in found.text[0] and 1 <= len(found) < 5
    assert found.attrs["manifest"]["unreadable"] == 1
    make.warc(answers(), False, folder / "b.warc")
    plain = (folder / "b.warc").read_bytes()
    (folder / "b.warc").write_bytes(plain[: plain.index(b"Hello") + 3])
    assert "lacks" in message(folder, "b.warc")
    (folder / "c.warc").write_bytes(b"this is no web archive\r\n\r\n" * 50)
    assert "damaged after 0 records" in message(folder, "c.warc")


def test_bodies_that_cannot_be_read_are_told_by_record(folder: Path) -> None:
    page = gzip.compress(PAGE.format("utf-8", "x" * 9000).encode())
    html = "Content-Type: text/html\nContent-Encoding: "
    bad = [
        ("http://a.org/cut", OK, html + "gzip", page[:-20]),
        ("http://a.org/zstd", OK, html + "zstd", page),
        ("http://a.org/bomb", OK, html + "gzip", gzip.compress(bytes(50_000_000))),
        ("http://a.org/flate", OK, html + "deflate", zlib.compress(b"<p>" + b"good " * 9 + b"</p>")),
    ]
    make.warc(bad, True, folder / "a.warc.gz")
    record = {"on_error": "record", "max_unreadable": 1.0}
    found = ingested(folder, {"kind": "files", "paths": ["a.warc.gz"], **record})
    assert len(found) == 1 and "good good" in found.text[0]
    rows = found.attrs["unreadable"]
    assert [row["reason"] for row in rows] == [
        "its compressed body is damaged", "Content-Encoding zstd", "longer than 10,000,000 bytes",
    ]  # fmt: skip
    assert [row["place"] for row in rows] == [f"a.warc.gz: record {number}" for number in (2, 4, 6)]


def test_texts_of_a_wet_file(folder: Path) -> None:
    body = TEXTS[1].encode()
    head = (
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://x.cn/\r\nContent-Type: text/plain\r\n"
        f"WARC-Date: 2026-01-01T00:00:00Z\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    (folder / "a.warc.wet.gz").write_bytes(gzip.compress(head.encode() + body + b"\r\n\r\n"))
    found = ingested(folder, {"kind": "files", "paths": ["a.warc.wet.gz"]})
    assert found.text.tolist() == [TEXTS[1]] and json.loads(found.meta[0])["url"] == "http://x.cn/"


# PDF and Word


def test_pdf_pages_become_one_text(folder: Path) -> None:
    (folder / "a.pdf").write_bytes(make.pdf([TEXTS[0], TEXTS[1]]))
    found = ingested(folder, {"kind": "files", "paths": ["a.pdf"]})
    assert found.text.tolist() == [f"{TEXTS[0]}\n{TEXTS[1]}"]
    assert json.loads(found.meta[0]) == {"file": "a.pdf", "format": "pdf", "pages": 2}


def test_pdf_that_cannot_be_read(folder: Path) -> None:
    import pypdf

    (folder / "a.pdf").write_bytes(b"%PDF-1.7 and nothing else")
    assert "a.pdf: damaged after 0 pages" in message(folder, "a.pdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(folder / "b.pdf")
    assert "encrypted with a password" in message(folder, "b.pdf")
    (folder / "c.pdf").write_bytes(make.pdf(["ordinary text " * 200]))
    with pytest.raises(UserError, match=r"c\.pdf: longer than 1,000 bytes"):
        ingested(folder, {"kind": "files", "paths": ["c.pdf"]}, max_record_bytes=1000)


def test_word_paragraphs_and_tables_in_their_order(folder: Path) -> None:
    (folder / "a.docx").write_bytes(make.docx(TEXTS[:2], [["left", "right"], ["左", "右"]]))
    found = ingested(folder, {"kind": "files", "paths": ["a.docx"]})
    assert found.text.tolist() == ["\n".join([*TEXTS[:2], "left\tright", "左\t右", "The end."])]
    assert json.loads(found.meta[0]) == {"file": "a.docx", "format": "docx"}


def test_word_files_that_cannot_be_read(folder: Path) -> None:
    import zipfile

    (folder / "a.docx").write_bytes(b"no zip")
    assert "a.docx: damaged" in message(folder, "a.docx")
    whole = make.docx(TEXTS, [["x"]])
    (folder / "b.docx").write_bytes(whole[: len(whole) // 2])
    assert "b.docx: damaged" in message(folder, "b.docx")
    with zipfile.ZipFile(folder / "c.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(300 << 20))
    assert "c.docx: unpacks to" in message(folder, "c.docx")


@pytest.mark.parametrize(("name", "module"), [("a.pdf", "pypdf"), ("a.docx", "docx"), ("a.warc", "warcio")])
def test_a_missing_extra_is_named(folder: Path, monkeypatch: Any, name: str, module: str) -> None:
    from textmill.corpus.sources import extras

    (folder / name).write_bytes(b"content")
    real = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda wanted: None if wanted == module else real(wanted)
    )
    said = message(folder, name, on_error="record")
    assert "pip install 'textmill[documents]'" in said
