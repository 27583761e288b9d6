"""on_error: record. What is damaged becomes a row, everything else stays, and too much of it is an error."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.corpus.sources.source_files import TEXTS, ingested, settings, write_lines
from textmill.corpus.sources.ingest import ingest as run_ingest
from textmill.errors import UserError

RECORD = {"on_error": "record", "max_unreadable": 1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    return made


def noted(folder: Path, name: str, content: bytes = b"", **source: Any) -> pd.DataFrame:
    """The documents of one file in which bad content is recorded."""
    if content:
        (folder / name).write_bytes(content)
    found = ingested(folder, {"kind": "files", "paths": [name], **RECORD, **source})
    assert found.attrs["manifest"]["unreadable"] >= len(found.attrs["unreadable"])
    rows = found.attrs["unreadable"]
    assert all(row["source"] == "own" and row["reason"] and row["expected"] for row in rows)
    assert len({row["id"] for row in rows} | set(found.id)) == len(rows) + len(found)
    return found


def places(found: pd.DataFrame) -> list[tuple[str, str]]:
    return [(row["place"], row["reason"]) for row in found.attrs["unreadable"]]


def lines(*values: Any) -> bytes:
    return b"".join(
        (value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()) + b"\n"
        for value in values
    )


def test_bad_lines_are_rows_and_the_good_ones_keep_their_numbers(folder: Path) -> None:
    content = lines(
        {"text": TEXTS[0]}, b"{broken", {"txt": "x"}, {"text": 7}, {"text": TEXTS[1]}, {"text": None},
        {"text": "  "}, b'{"text": "caf\xe9"}', b'{"text": "n\0l"}', {"text": "a\0b"}, ["no object"],
        {"text": "x" * 2000}, {"text": TEXTS[3]},
    )  # fmt: skip
    (folder / "a.jsonl").write_bytes(content)
    source = {"kind": "files", "paths": ["a.jsonl"], **RECORD}
    found = ingested(folder, source, max_record_bytes=1000)
    assert found.text.tolist() == [TEXTS[0], TEXTS[1], TEXTS[3]]
    assert [json.loads(meta)["line"] for meta in found.meta] == [1, 5, 13]
    reasons = dict(places(found))
    assert len(reasons) == 10 and found.attrs["manifest"]["records"] == 13
    assert reasons["a.jsonl: line 2"].startswith("not valid JSON")
    assert reasons["a.jsonl: line 3"] == "no field 'text'"
    assert reasons["a.jsonl: line 4"] == "field 'text' holds int"
    assert reasons["a.jsonl: line 6"] == "the text is null"
    assert reasons["a.jsonl: line 7"] == "the text is empty"
    assert "found byte 0xe9" in reasons["a.jsonl: line 8, byte " + str(content.index(b"\xe9") + 1)]
    assert reasons["a.jsonl: line 9, byte " + str(content.index(b"\0") + 1)] == "found a NUL byte"
    assert reasons["a.jsonl: line 10"] == "the text holds a NUL character"
    assert reasons["a.jsonl: line 11"] == "a list"
    assert reasons["a.jsonl: line 12"] == "longer than 1,000 bytes"


def test_the_same_content_without_record_is_an_error(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(lines({"text": TEXTS[0]}, b"{broken"))
    with pytest.raises(UserError, match=r"a\.jsonl: line 2: not valid JSON"):
        ingested(folder, {"kind": "files", "paths": ["a.jsonl"]})
    with pytest.raises(UserError, match=r"a\.jsonl: line 2: not valid JSON"):
        ingested(folder, {"kind": "files", "paths": ["a.jsonl"], "on_error": "fail"}, on_error="record")
    found = ingested(folder, {"kind": "files", "paths": ["a.jsonl"]}, on_error="record", max_unreadable=0.5)
    assert found.text.tolist() == [TEXTS[0]]


def test_an_unreadable_record_has_the_id_that_it_would_have_as_a_document(folder: Path) -> None:
    found = noted(folder, "a.jsonl", lines({"text": "one"}, {"text": None}, {"text": "three"}))
    (lost,) = found.attrs["unreadable"]
    mended = noted(folder, "a.jsonl", lines({"text": "one"}, {"text": "two"}, {"text": "three"}))
    assert mended.id.tolist() == [found.id[0], lost["id"], found.id[1]]


@pytest.mark.parametrize("ending", ["gz", "zst", "bz2", "xz"])
def test_a_truncated_shard_keeps_every_record_before_the_damage(folder: Path, ending: str) -> None:
    import bz2
    import lzma

    draw = random.Random(3)
    rows = [{"text": "".join(draw.choices("abcdefgh 水磨坊", k=60))} for _ in range(20_000)]
    whole = lines(*rows)
    pack = {"gz": gzip.compress, "zst": zstandard.compress, "bz2": bz2.compress, "xz": lzma.compress}
    packed = pack[ending](whole)
    found = noted(folder, f"a.jsonl.{ending}", packed[: len(packed) * 2 // 3])
    assert found.text.tolist() == [row["text"] for row in rows[: len(found)]]
    # bz2 and zstd yield whole blocks of up to 900 kB and 128 kB.
    assert len(found) > {"gz": 13_000, "xz": 12_000, "zst": 11_000, "bz2": 5_000}[ending]
    ((place, reason),) = places(found)
    assert place == f"a.jsonl.{ending}" and reason.startswith("damaged after ")


def test_several_frames_and_members_are_one_file(folder: Path) -> None:
    one, two = lines({"text": "first"}), lines({"text": "第二"})
    for name, pack in (("a.jsonl.gz", gzip.compress), ("b.jsonl.zst", zstandard.compress)):
        assert noted(folder, name, pack(one) + pack(two)).text.tolist() == ["first", "第二"]


def test_a_shard_of_another_schema_is_a_row_beside_the_others(folder: Path) -> None:
    for number, column in enumerate(["text", "body", "text"]):
        pd.DataFrame({column: [f"row {number}.{index}" for index in range(50)]}).to_parquet(
            folder / f"{number}.parquet"
        )
    found = noted(folder, "*.parquet")
    assert found.text.tolist() == [f"row {number}.{index}" for number in (0, 2) for index in range(50)]
    assert places(found) == [("1.parquet", "no field 'text'")]
    assert found.attrs["manifest"]["unreadable"] == 50
    with pytest.raises(
        UserError, match=r"50 of 150 records cannot be read \(33\.3%\).* 1\.parquet: no field"
    ):
        noted(folder, "*.parquet", max_unreadable=0.3)


def test_a_damaged_row_group_is_lost_alone(folder: Path) -> None:
    draw = random.Random(5)
    texts = ["".join(draw.choices("abcdefghij 水", k=80)) for _ in range(3000)]
    path = folder / "a.parquet"
    pq.write_table(pa.table({"text": texts}), path, row_group_size=1000, write_page_checksum=True)
    start = pq.read_metadata(path).row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[start + 500] ^= 1
    path.write_bytes(content)
    found = noted(folder, "a.parquet")
    assert found.text.tolist() == texts[:1000] + texts[2000:]
    assert [json.loads(meta)["row"] for meta in found.meta][1000] == 2001
    assert [place for place, _ in places(found)] == ["a.parquet: after row 1,000"]
    assert found.attrs["manifest"]["unreadable"] == 1000


def test_rows_of_columns_that_hold_other_bytes_than_utf8(folder: Path) -> None:
    raw = pa.array([b"good", b"caf\xe9", "磨坊".encode()], pa.binary())
    unchecked = pa.Array.from_buffers(pa.string(), 3, raw.buffers())
    pq.write_table(pa.table({"text": unchecked}), folder / "a.parquet")
    found = noted(folder, "a.parquet")
    assert found.text.tolist() == ["good", "磨坊"] and places(found) == [("a.parquet: row 2", "not in UTF-8")]


def test_csv_rows(folder: Path) -> None:
    content = 'id,text\n1,good\n2,磨坊\n3,too,many\n4,"two\nlines"\n5\n6,last\n'.encode()
    found = noted(folder, "a.csv", content, id="id")
    assert found.text.tolist() == ["good", "磨坊", "two\nlines", "last"]
    assert [json.loads(meta)["row"] for meta in found.meta] == [1, 2, 4, 6]
    assert places(found) == [("a.csv: row 3", "3 columns"), ("a.csv: row 5", "1 columns")]
    found = noted(folder, "b.csv", b"text\ngood\ncaf\xe9\nlast\n")
    assert found.text.tolist() == ["good", "last"] and places(found)[0][0] == "b.csv: row 2"
    found = noted(folder, "c.csv", b'text\ngood\n"' + b"x" * 12_000_000 + b"\n")
    assert found.text.tolist() == ["good"] and "longer than" in places(found)[0][1]


def test_keys_that_repeat_or_are_missing(folder: Path) -> None:
    rows = [
        {"id": key, "text": f"text {number}"} for number, key in enumerate(["a", "b", "a", None, "磨", "a"])
    ]
    found = noted(folder, "a.jsonl", lines(*rows), id="id")
    assert found.text.tolist() == ["text 0", "text 1", "text 4"]
    assert sorted(places(found)) == [
        ("a.jsonl: line 3", 'the key "a" is already that of an earlier record'),
        ("a.jsonl: line 4", "the id field is empty"),
        ("a.jsonl: line 6", 'the key "a" is already that of an earlier record'),
    ]
    long = [{"id": str(number % 9000), "text": f"text {number}"} for number in range(10_000)]
    found = noted(folder, "b.jsonl", lines(*long), id="id")
    assert found.text.tolist() == [f"text {number}" for number in range(9000)]
    assert len(found.attrs["unreadable"]) == 1000


def test_passages_of_a_repeated_key(folder: Path) -> None:
    text = "\n\n".join(["a paragraph of forty characters or more ..."] * 3)
    found = noted(folder, "a.jsonl", lines(*[{"id": "k", "text": text}] * 2), id="id", passage_chars=50)
    assert len(found) == 3 and len(found.attrs["unreadable"]) == 3


def test_blank_lines_of_a_text_file_are_no_records(folder: Path) -> None:
    found = noted(folder, "a.txt", "one\n\n二\n\xff".encode("latin-1", "ignore") + b"\n\n", lines=True)
    assert found.text.tolist() == ["one"]
    found = noted(folder, "b.txt", "一\n\n二\n".encode(), lines=True)
    assert found.attrs["unreadable"] == [] and found.attrs["manifest"]["skipped"]["empty"] == 1


def test_a_gigantic_line_is_passed_over(folder: Path) -> None:
    content = (
        lines({"text": "before"}) + b'{"text": "' + b"x" * 30_000_000 + b'"}\n' + lines({"text": "after"})
    )
    found = noted(folder, "a.jsonl", content)
    assert found.text.tolist() == ["before", "after"]
    assert [json.loads(meta)["line"] for meta in found.meta] == [1, 3]
    assert places(found) == [("a.jsonl: line 2", "longer than 10,000,000 bytes")]
    bad = content + b'{"text": "\xff"}\n'
    place = noted(folder, "b.jsonl", bad).attrs["unreadable"][1]["place"]
    assert place == f"b.jsonl: line 4, byte {bad.index(255) + 1:,}"


def test_gzip_bombs_end_their_file(folder: Path) -> None:
    bomb = gzip.compress(lines({"text": "before"}) + bytes(200_000_000) + b"\n")
    found = noted(folder, "a.jsonl.gz", bomb)
    assert found.text.tolist() == ["before"]
    assert "decompression bomb" in places(found)[-1][1]
    with pytest.raises(UserError, match=r"a\.jsonl\.gz: .*decompression bomb.*archives\.max_ratio"):
        ingested(folder, {"kind": "files", "paths": ["a.jsonl.gz"]}, max_record_bytes=10**9)


def test_a_wholly_broken_source_is_never_accepted(folder: Path) -> None:
    (folder / "a.jsonl").write_bytes(b"nothing\nof\nthis\n")
    with pytest.raises(
        UserError, match=r"no usable record among 3 .*3 unreadable.*a\.jsonl: line 1: not valid"
    ):
        noted(folder, "a.jsonl")
    write_lines(folder / "b0.jsonl", [{"text": f"text {number}"} for number in range(1000)])
    (folder / "b1.jsonl.gz").write_bytes(b"no gzip")
    assert len(noted(folder, "b*", max_unreadable=0.5)) == 1000
    with pytest.raises(UserError, match=r"1 of 2 files cannot be read \(50\.0%\); expected at most 1\.0%"):
        noted(folder, "b*", max_unreadable=0.01)


def test_mistakes_of_params_and_missing_files_are_errors_all_the_same(folder: Path) -> None:
    def message(**source: Any) -> str:
        with pytest.raises(UserError) as caught:
            ingested(folder, {"kind": "files", **RECORD, **source})
        return str(caught.value)

    (folder / "a.dat").write_bytes(b"text")
    assert "tells no format" in message(paths=["a.dat"])
    assert "not found" in message(paths=["b.txt"])


# Encodings


def test_the_first_declared_encoding_that_fits_a_line_is_taken(folder: Path) -> None:
    mixed = "中文在前\n".encode("gb18030") + "utf-8 中文\n".encode() + b"plain\n"
    found = noted(folder, "a.txt", mixed, lines=True, encodings=["utf-8", "gb18030"])
    assert found.text.tolist() == ["中文在前", "utf-8 中文", "plain"]
    found = noted(folder, "a.txt", mixed, lines=True)
    assert found.text.tolist() == ["utf-8 中文", "plain"] and "0xd6" in places(found)[0][1]


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.json", "a.html"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5", "cp1252"])
def test_files_in_another_encoding(folder: Path, name: str, encoding: str) -> None:
    text = "naïve café déjà vu" if encoding == "cp1252" else "磨坊坐落在溪水邊"
    content = {
        "a.csv": f"text\n{text}\n", "a.jsonl": json.dumps({"text": text}, ensure_ascii=False) + "\n",
        "a.json": json.dumps([text], ensure_ascii=False),
    }.get(name, text)  # fmt: skip
    (folder / name).write_bytes(content.encode(encoding))
    source = {"kind": "files", "paths": [name], "encodings": [encoding]}
    assert ingested(folder, source).text.tolist() == [text]
    if encoding == "utf-16":
        assert ingested(folder, {**source, "encodings": ["utf-8", "detect"]}).text.tolist() == [text]


def test_detection_finds_what_is_neither_utf8_nor_declared(folder: Path) -> None:
    prose = "磨坊坐落在溪水边，水轮不停地转。天亮以前，磨坊主已经把麦子倒进了斗里。" * 20
    (folder / "a.txt").write_bytes(prose.encode("gb18030"))
    found = ingested(folder, {"kind": "files", "paths": ["a.txt"], "encodings": ["utf-8", "detect"]})
    assert found.text.tolist() == [prose]
    with pytest.raises(UserError, match=r"a\.txt: line 1, byte 3: found byte 0xb7.*Name its encoding"):
        ingested(folder, {"kind": "files", "paths": ["a.txt"]})


def test_html_is_read_in_the_charset_it_declares(folder: Path) -> None:
    page = (
        "<html><head><meta http-equiv='Content-Type' content='text/html; charset=gb2312'></head>磨坊</html>"
    )
    (folder / "a.html").write_bytes(page.encode("gb2312"))
    assert ingested(folder, {"kind": "files", "paths": ["a.html"]}).text.tolist() == [page]


def test_an_unknown_encoding_is_named(folder: Path) -> None:
    from textmill.config.ingest import Ingest
    from textmill.config.load import validated

    source = {"kind": "files", "paths": ["a"], "license": "MIT", "encodings": ["utf-9"]}
    with pytest.raises(UserError, match=r"encodings.*utf-9"):
        validated(Ingest, {"sources": {"mine": source}}, "params.yaml", "ingest")


def test_outs_do_not_depend_on_where_the_files_lie(folder: Path, tmp_path: Path) -> None:
    (folder / "a.jsonl").write_bytes(lines({"text": "good"}, b"{broken", {"text": None}))
    source = {"kind": "files", "paths": ["a.jsonl"], **RECORD}
    run_ingest(settings(folder, source), tmp_path / "one")
    moved = folder.rename(tmp_path / "elsewhere")
    run_ingest(settings(moved, source), tmp_path / "two")
    for name in ("unreadable.parquet", "files.parquet", "manifest.json", "part-00000.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
