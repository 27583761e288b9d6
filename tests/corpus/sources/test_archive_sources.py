"""Archives as a user's own source: members by glob, in one pass, nothing that points outside or explodes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.corpus.sources.source_files import TEXTS, ingested
from tests.corpus.test_archives import tar_bytes, zip_file
from textmill.errors import UserError

RECORD = {"on_error": "record", "max_unreadable": 1.0}
MEMBERS = {
    "docs/b.txt": TEXTS[1].encode(),
    "docs/a.txt": TEXTS[0].encode(),
    "docs/deep/c.jsonl.gz": gzip.compress(b'{"text": "third"}\n'),
    "other/d.bin": b"\0\1\2",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "own"
    made.mkdir()
    return made


def write(folder: Path, name: str, members: dict[str, bytes] = MEMBERS) -> str:
    path = folder / name
    if name.endswith(".zip"):
        zip_file(path, members)
    elif name.endswith(".zst"):
        path.write_bytes(zstandard.compress(tar_bytes(members, "w")))
    else:
        modes = {".tar": "w", ".bz2": "w:bz2", ".xz": "w:xz"}
        path.write_bytes(tar_bytes(members, modes.get(path.suffix, "w:gz")))
    return name


def places(found: Any) -> list[tuple[str, str]]:
    return [(row["place"], row["reason"]) for row in found.attrs["unreadable"]]


@pytest.mark.parametrize(
    "name", ["d.zip", "d.tar", "d.tar.gz", "d.tgz", "d.tar.bz2", "d.tar.xz", "d.tar.zst"]
)
def test_members_by_glob(folder: Path, name: str) -> None:
    write(folder, name)
    found = ingested(folder, {"kind": "files", "paths": [f"{name}!/docs/*"]})
    assert sorted(found.text) == sorted([TEXTS[0], TEXTS[1], "third"])
    assert sorted(json.loads(meta)["file"] for meta in found.meta) == [
        f"{name}!/docs/{member}" for member in ("a.txt", "b.txt", "deep/c.jsonl.gz")
    ]
    (entry,) = found.attrs["files"]
    assert (entry["path"], entry["documents"], entry["bytes"]) == (name, 3, (folder / name).stat().st_size)
    one = ingested(folder, {"kind": "files", "paths": [f"{name}!/docs/b.txt", f"{name}!/docs/a.txt"]})
    assert sorted(one.text) == sorted(TEXTS[:2])


def test_a_whole_archive_and_globs_of_archives(folder: Path) -> None:
    texts = {name: content for name, content in MEMBERS.items() if name.startswith("docs")}
    write(folder, "one.zip", texts)
    write(folder, "two.tar.gz", {"e.txt": TEXTS[3].encode()})
    found = ingested(folder, {"kind": "files", "paths": ["*.zip", "t*.tar.gz!/*.txt"]})
    assert sorted(found.text) == sorted([TEXTS[0], TEXTS[1], "third", TEXTS[3]])
    write(folder, "one.zip")
    with pytest.raises(UserError, match=r"one\.zip: other/d\.bin: the ending '\.bin' tells no format"):
        ingested(folder, {"kind": "files", "paths": ["one.zip"]})


def test_archives_in_archives(folder: Path) -> None:
    inner = zip_file(folder / "inner.zip", {"x.txt": b"in the zip"}).read_bytes()
    write(
        folder, "o.tar.gz", {"a/inner.zip": inner, "b/inner.tar.gz": tar_bytes({"y.txt": "在里面".encode()})}
    )
    found = ingested(folder, {"kind": "files", "paths": ["o.tar.gz!/*/inner*!/*.txt"]})
    assert found.text.tolist() == ["in the zip", "在里面"]
    assert json.loads(found.meta[0])["file"] == "o.tar.gz!/a/inner.zip!/x.txt"


def test_a_pattern_that_matches_nothing_is_named(folder: Path) -> None:
    write(folder, "d.tar.gz")
    with pytest.raises(UserError, match=r"d\.tar\.gz: none of its 4 files matches docs/\*\.html"):
        ingested(folder, {"kind": "files", "paths": ["d.tar.gz!/docs/*.html", "d.tar.gz!/docs/*.txt"]})


def test_archives_of_other_stores(folder: Path) -> None:
    import fsspec

    write(folder, "d.zip")
    write(folder, "d.tar.gz")
    for name in ("d.zip", "d.tar.gz"):
        with fsspec.open(f"memory://archives/{name}", "wb") as file:
            file.write((folder / name).read_bytes())
    urls = ["memory://archives/d.zip!/docs/*.txt", "memory://archives/d.tar.gz!/docs/*.gz"]
    found = ingested(
        folder, {"kind": "url", "urls": [*urls, f"file://{folder}/d.zip!/docs/b.txt"], "unique": True}
    )
    assert sorted(found.text) == sorted([TEXTS[0], TEXTS[1], "third"])


@pytest.mark.parametrize("name", ["d.zip", "d.tar.gz"])
@pytest.mark.parametrize("trick", ["../up.txt", "/etc/passwd.txt", "a/../../b.txt", "C:/w.txt"])
def test_names_that_leave_the_archive(folder: Path, name: str, trick: str) -> None:
    write(folder, name, {trick: b"outside", "good.txt": b"inside"})
    with pytest.raises(UserError, match="its name points outside the archive"):
        ingested(folder, {"kind": "files", "paths": [f"{name}!/*.txt"]})
    found = ingested(folder, {"kind": "files", "paths": [f"{name}!/*.txt"], **RECORD})
    assert found.text.tolist() == ["inside"]
    assert places(found) == [(f"{name}: member {trick!r}", "its name points outside the archive")]


def test_links_and_devices_are_passed_over(folder: Path) -> None:
    with tarfile.open(folder / "d.tar", "w") as archive:
        for name, kind in (
            ("link.txt", tarfile.SYMTYPE),
            ("hard.txt", tarfile.LNKTYPE),
            ("fifo.txt", tarfile.FIFOTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("good.txt")
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"text"))
    found = ingested(folder, {"kind": "files", "paths": ["d.tar!/*.txt"]})
    assert found.text.tolist() == ["text"]


@pytest.mark.parametrize("name", ["d.zip", "d.tar.gz"])
def test_bombs_and_members_that_are_too_large(folder: Path, name: str) -> None:
    write(folder, name, {"a.txt": b"first", "zeros.txt": bytes(150_000_000), "z.txt": b"last"})
    source = {"kind": "files", "paths": [f"{name}!/*.txt"]}
    with pytest.raises(UserError, match=r"bomb.*ingest\.archives\.max_ratio"):
        ingested(folder, source, max_record_bytes=10**9)
    found = ingested(folder, {**source, **RECORD}, max_record_bytes=10**9)
    # What follows a bomb in a tar would have to be unpacked through it.
    assert found.text.tolist() == (["first", "last"] if name == "d.zip" else ["first"])
    assert "decompression bomb" in places(found)[0][1]
    found = ingested(
        folder, {**source, **RECORD}, archives={"max_member_bytes": 1_000_000, "max_ratio": 10**6}
    )
    assert found.text.tolist() == ["first", "last"]
    assert places(found) == [(f"{name}!/zeros.txt", "holds 150,000,000 bytes")]


def test_a_bomb_inside_a_member(folder: Path) -> None:
    write(folder, "d.zip", {"a.jsonl.gz": gzip.compress(bytes(150_000_000)), "b.txt": b"good"})
    found = ingested(folder, {"kind": "files", "paths": ["d.zip"], **RECORD})
    assert found.text.tolist() == ["good"] and "decompression bomb" in places(found)[-1][1]


def test_damage_keeps_the_members_before_and_beside_it(folder: Path) -> None:
    import random

    noise = {f"{index}.txt": random.Random(index).randbytes(40_000).hex().encode() for index in range(6)}
    write(folder, "d.tar.gz", noise)
    whole = (folder / "d.tar.gz").read_bytes()
    (folder / "d.tar.gz").write_bytes(whole[: len(whole) // 2])
    source = {"kind": "files", "paths": ["d.tar.gz!/*.txt"]}
    with pytest.raises(UserError, match=r"d\.tar\.gz: 2\.txt: damaged after"):
        ingested(folder, source)
    found = ingested(folder, {**source, **RECORD})
    assert found.text.tolist() == [noise[f"{index}.txt"].decode() for index in range(2)]
    assert [place for place, _ in places(found)] == ["d.tar.gz!/2.txt", "d.tar.gz"]
    write(folder, "d.zip", noise)
    content = bytearray((folder / "d.zip").read_bytes())
    start = content.index(b"2.txt") + 5000
    content[start : start + 50] = bytes(50)
    (folder / "d.zip").write_bytes(content)
    found = ingested(folder, {"kind": "files", "paths": ["d.zip!/*.txt"], **RECORD})
    assert [json.loads(meta)["file"] for meta in found.meta] == [
        f"d.zip!/{index}.txt" for index in (0, 1, 3, 4, 5)
    ]
    assert places(found)[0][0] == "d.zip!/2.txt" and "damaged" in places(found)[0][1]


def test_a_plain_tar_that_was_cut_between_two_members_is_not_taken_for_whole(folder: Path) -> None:
    write(folder, "d.tar", {f"{index}.txt": b"x" * 512 for index in range(4)})
    whole = (folder / "d.tar").read_bytes()
    for cut in (2 * 1024, 2 * 1024 + 100):
        (folder / "d.tar").write_bytes(whole[:cut])
        found = ingested(folder, {"kind": "files", "paths": ["d.tar"], **RECORD})
        assert len(found) == 2 and "damaged" in places(found)[0][1]
    broken = bytearray(whole)
    broken[2 * 1024 + 148 : 2 * 1024 + 156] = b"0000000\0"
    (folder / "d.tar").write_bytes(broken)
    found = ingested(folder, {"kind": "files", "paths": ["d.tar"], **RECORD})
    assert len(found) == 2 and "damaged" in places(found)[0][1]


def test_encrypted_members(folder: Path) -> None:
    write(folder, "d.zip", {"a.txt": b"good", "b.txt": b"locked"})
    content = bytearray((folder / "d.zip").read_bytes())
    # Bit 0 of the general purpose flag, in the directory and before the member.
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 8] |= 1
    content[content.index(b"b.txt") - 30 + 6] |= 1
    (folder / "d.zip").write_bytes(content)
    found = ingested(folder, {"kind": "files", "paths": ["d.zip"], **RECORD})
    assert found.text.tolist() == ["good"] and "encrypted" in places(found)[0][1]


def test_what_is_no_archive(folder: Path) -> None:
    (folder / "d.zip").write_bytes(b"not one")
    with pytest.raises(UserError, match=r"d\.zip: damaged or no archive"):
        ingested(folder, {"kind": "files", "paths": ["d.zip"]})
    write(folder, "e.zip")
    (folder / "e.zip").write_bytes((folder / "e.zip").read_bytes()[:-30])
    with pytest.raises(UserError, match=r"e\.zip: damaged"):
        ingested(folder, {"kind": "files", "paths": ["e.zip!/*.txt"]})


def test_a_large_tar_is_read_once_and_in_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"{index * 7919 % 3000:04d}.txt" for index in range(3000)]
    write(folder, "d.tar.gz", {name: f"text of {name}".encode() for name in names})
    found = ingested(folder, {"kind": "files", "paths": ["d.tar.gz"]})
    assert found.text.tolist() == [f"text of {name}" for name in names]


def test_tables_in_archives(folder: Path) -> None:
    import pandas as pd

    pd.DataFrame({"text": TEXTS}).to_parquet(folder / "t.parquet")
    with zipfile.ZipFile(folder / "d.zip", "w") as archive:
        archive.write(folder / "t.parquet", "t.parquet")
    write(folder, "d.tar.gz", {"t.parquet": (folder / "t.parquet").read_bytes()})
    for name in ("d.zip", "d.tar.gz"):
        assert ingested(folder, {"kind": "files", "paths": [name]}).text.tolist() == TEXTS
