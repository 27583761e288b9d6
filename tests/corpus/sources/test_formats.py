"""Every format and compression gives the same documents; every damage is told with its place."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import zstandard

from tests.corpus.sources.source_files import TEXTS, ingested, settings, write_lines
from textmill.config.ingest import Ingest
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.ingest import ingest
from textmill.corpus.sources.ingest import ingest as run_ingest
from textmill.errors import UserError

ROWS = [{"id": f"k{index}", "text": text, "n": index} for index, text in enumerate(TEXTS)]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    return made


def write(folder: Path, name: str) -> None:
    frame = pd.DataFrame(ROWS)
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    elif name.endswith(".tsv"):
        frame.to_csv(folder / name, index=False, sep="\t")
    elif name.endswith(".parquet"):
        frame.to_parquet(folder / name)
    elif name.endswith(".json"):
        frame.to_json(folder / name, orient="records", force_ascii=False)
    else:
        pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}
        (folder / name).write_bytes(pack.get(Path(name).suffix, bytes)(JSONL))


@pytest.mark.parametrize(
    "name",
    [
        "a.jsonl",
        "a.jsonl.gz",
        "a.jsonl.zst",
        "a.jsonl.bz2",
        "a.jsonl.xz",
        "a.json",
        "a.csv",
        "a.tsv",
        "a.parquet",
    ],
)
def test_formats_agree(folder: Path, name: str) -> None:
    write(folder, name)
    found = ingested(folder, {"kind": "files", "paths": [name], "id": "id", "lang": "en"})
    assert found.text.tolist() == TEXTS
    assert found.source.unique().tolist() == ["own"] and found.license.unique().tolist() == ["CC0-1.0"]
    assert found.attrs["manifest"]["documents"] == len(TEXTS)
    assert found.attrs["manifest"]["characters"] == sum(map(len, TEXTS))
    assert found.attrs["manifest"]["bytes"] == sum(len(text.encode()) for text in TEXTS)


def test_ids_are_those_of_the_contract_and_do_not_depend_on_the_format(folder: Path) -> None:
    import xxhash

    wanted = [xxhash.xxh3_128_hexdigest(f"own\0k{index}".encode()) for index in range(len(TEXTS))]
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        write(folder, name)
        assert ingested(folder, {"kind": "files", "paths": [name], "id": "id"}).id.tolist() == wanted


def test_text_files_are_documents_or_lines(folder: Path) -> None:
    (folder / "a.txt").write_text("\ufefferste Zeile\r\n\r\n最后一行", encoding="utf-8")
    assert ingested(folder, {"kind": "files", "paths": ["a.txt"]}).text.tolist() == [
        "erste Zeile\r\n\r\n最后一行"
    ]
    lines = ingested(folder, {"kind": "files", "paths": ["*.txt"], "lines": True})
    assert lines.text.tolist() == ["erste Zeile", "最后一行"]
    assert [json.loads(meta)["line"] for meta in lines.meta] == [1, 3]
    assert lines.attrs["manifest"]["skipped"]["empty"] == 1


def test_html_is_kept_whole_and_marked(folder: Path) -> None:
    page = "<!doctype html><html><body><p>磨坊</p></body></html>"
    (folder / "page.html").write_text(page, encoding="utf-8")
    found = ingested(folder, {"kind": "files", "paths": ["**/*.html"]})
    assert found.text.tolist() == [page]
    assert json.loads(found.meta[0]) == {"file": "page.html", "format": "html"}


def test_conversations_become_lines_of_named_speakers(folder: Path) -> None:
    talk = {
        "x1": {
            "turns": [
                [{"said": "你好", "who": "p"}, {"said": "How\nare you?", "who": "q"}],
                [{"said": "好", "who": "p"}],
            ]
        },
        "x2": {"turns": [{"said": "Bye", "who": 7}]},
    }
    (folder / "talk.json").write_text(json.dumps(talk), encoding="utf-8")
    shape = {"messages": "turns", "text": "said", "speaker": "who"}
    found = ingested(folder, {"kind": "files", "paths": ["talk.json"], "conversation": shape})
    assert found.text.tolist() == ["A: 你好\nB: How are you?\nA: 好", "A: Bye"]


def test_conversations_are_kept_for_the_next_reading_too(folder: Path, tmp_path: Path) -> None:
    write_lines(folder / "talk.jsonl", [{"turns": [{"text": "Hi", "speaker": 1}]}])
    source = {
        "kind": "files", "paths": ["talk.jsonl"], "license": "MIT", "conversation": {"messages": "turns"},
    }  # fmt: skip
    settings = Ingest.model_validate({"local": str(folder), "sources": {"talk": source}})
    cache = Cache(tmp_path / "kept", 1_000_000)
    first, again = (ingest(settings, tmp_path / name, cache=cache) for name in ("first", "again"))
    assert first == again and list((tmp_path / "kept").rglob("*"))
    shards = [(tmp_path / name / "part-00000.parquet").read_bytes() for name in ("first", "again")]
    assert shards[0] == shards[1]


def test_long_files_are_read_in_blocks_with_right_line_numbers(folder: Path) -> None:
    rows = [{"text": f"row {index} " + "水" * (index % 700)} for index in range(12_000)]
    write_lines(folder / "long.jsonl", rows)
    found = ingested(folder, {"kind": "files", "paths": ["long.jsonl"]})
    assert found.text.tolist() == [row["text"] for row in rows]
    assert [json.loads(meta)["line"] for meta in found.meta] == list(range(1, len(rows) + 1))
    (folder / "long.jsonl").open("a", encoding="utf-8").write('{"text": oops}\n')
    with pytest.raises(UserError, match=r"long\.jsonl: line 12,001: not valid JSON"):
        ingested(folder, {"kind": "files", "paths": ["long.jsonl"]})


def bad(folder: Path, name: str, content: bytes, **source: Any) -> str:
    (folder / name).write_bytes(content)
    target = folder.parent / "raw"
    target.mkdir(exist_ok=True)
    (target / "manifest.json").write_text("of the run before")
    with pytest.raises(UserError) as caught:
        run_ingest(settings(folder, {"kind": "files", "paths": [name], **source}), target)
    assert (target / "manifest.json").read_text() == "of the run before", (
        "a failed run took the place of outputs"
    )
    assert not [path for path in folder.parent.iterdir() if path.name.endswith(".tmp")]
    message = str(caught.value)
    assert "\n" not in message and message.startswith("ingest.sources.own: ")
    return message


def test_invalid_utf8_names_line_and_byte(folder: Path) -> None:
    good = "första raden\n".encode()
    for name, lines in (("a.txt", False), ("b.txt", True), ("c.csv", False), ("d.jsonl", False)):
        header = b"text\n" if name.endswith("csv") else b""
        body = header + (b'{"text": "x"}\n' if name.endswith("jsonl") else good)
        place = f"{name}: line {body.count(10) + 1}, byte {len(body) + 3}"
        message = bad(folder, name, body + b"ab\xff\xfe\n", **({"lines": True} if lines else {}))
        assert place in message and "0xff" in message and "UTF-8" in message


def test_utf8_cut_at_the_end_of_the_file(folder: Path) -> None:
    assert "not UTF-8" in bad(folder, "a.txt", "磨坊".encode()[:-1])


def test_nul_bytes(folder: Path) -> None:
    assert "line 2, byte 7: found a NUL byte" in bad(folder, "a.txt", b"one\ntw\0o\n")
    assert "line 1: the text holds a NUL character" in bad(folder, "a.jsonl", b'{"text": "a\\u0000b"}\n')


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "b.txt"])
def test_a_record_of_50_mb(folder: Path, name: str) -> None:
    head = {"a.jsonl": b'{"text": "ok"}\n{"text": "', "a.csv": b'text\nok\n"'}.get(name, b"ok\n")
    tail = {"a.jsonl": b'"}\n', "a.csv": b'"\n'}.get(name, b"\n")
    message = bad(folder, name, head + b"x" * 50_000_000 + tail, lines=name == "b.txt")
    assert name in message and "longer than 10,000,000 bytes" in message and "max_record_bytes" in message
    if name in ("a.jsonl", "b.txt"):
        assert "line 2" in message


def test_a_record_above_the_limit_in_parquet(folder: Path) -> None:
    pd.DataFrame({"text": ["ok", "x" * 2000]}).to_parquet(folder / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet: row 2: longer than 1,000 bytes"):
        run_ingest(
            settings(folder, {"kind": "files", "paths": ["a.parquet"]}, max_record_bytes=1000),
            folder.parent / "raw",
        )


def test_corrupt_files(folder: Path) -> None:
    noise = "".join(random.Random(2).choices("abcdefgh 水磨", k=300_000))
    packed = gzip.compress(json.dumps({"text": noise}).encode())
    assert "a.jsonl.gz: damaged after" in bad(folder, "a.jsonl.gz", packed[: len(packed) // 2])
    assert "b.txt.gz: damaged after 0 bytes" in bad(folder, "b.txt.gz", b"no gzip at all")
    assert "c.txt.zst: damaged" in bad(folder, "c.txt.zst", b"no zstd at all")
    pd.DataFrame(ROWS).to_parquet(folder / "d.parquet")
    whole = (folder / "d.parquet").read_bytes()
    assert "d.parquet" in (message := bad(folder, "d.parquet", whole[:-10])) and "readable Parquet" in message
    middle = bytearray(whole)
    middle[4:200] = bytes(196)
    assert "readable Parquet" in bad(folder, "d.parquet", bytes(middle))
    assert "not valid CSV" in bad(folder, "e.csv", b"text,n\nok,1\nbroken\n")


def test_a_missing_field_lists_those_there_are(folder: Path) -> None:
    assert "a.jsonl: line 1: no field 'body'; expected one of: id, text, n" in bad(
        folder, "a.jsonl", JSONL, text="body"
    )
    assert "no field 'body'; expected one of: x, y" in bad(folder, "a.csv", b"x,y\n1,2\n", text="body")
    pd.DataFrame(ROWS).to_parquet(folder / "a.parquet")
    whole = (folder / "a.parquet").read_bytes()
    assert "no field 'body'; expected one of: id, text, n" in bad(folder, "a.parquet", whole, text="body")
    assert "column 'n' holds int64; expected text" in bad(folder, "a.parquet", whole, text="n")
    assert "line 1: field 'n' holds int; expected text" in bad(folder, "a.jsonl", JSONL, text="n")
    assert "a list; expected an object with a field 'text'" in bad(folder, "a.jsonl", b"[1]\n")


def test_nothing_usable(folder: Path) -> None:
    assert "no usable record among 2 (2 without text)" in bad(
        folder, "a.jsonl", b'{"text": " "}\n{"text": null}\n'
    )
    assert "no usable record among 0" in bad(folder, "a.jsonl", b"\n")
    assert "no usable record" in bad(folder, "a.csv", b"text\n")


def test_keys_that_repeat_are_named_with_both_places(folder: Path) -> None:
    lines = JSONL + b'{"id": "k1", "text": "again"}\n'
    message = bad(folder, "a.jsonl", lines, id="id")
    assert 'a.jsonl: line 5: the key "k1" is already that of' in message and "line 2" in message
    assert "line 5: the id field is empty" in bad(
        folder, "a.jsonl", JSONL + b'{"id": null, "text": "x"}\n', id="id"
    )


def test_an_unknown_ending_asks_for_a_format(folder: Path) -> None:
    assert "the ending '.dat' tells no format" in bad(folder, "a.dat", b"text")
    (folder / "a.dat").write_bytes(JSONL)
    assert len(ingested(folder, {"kind": "files", "paths": ["a.dat"], "format": "jsonl"})) == len(TEXTS)
