"""Only changed files are read again, a killed run goes on, and the cache never shows in what is written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as quickly
from hypothesis import strategies as st

from tests.corpus.sources.source_files import TEXTS, settings, write_lines
from textmill.config.ingest import Ingest
from textmill.corpus.sources import cache as module
from textmill.corpus.sources import formats
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.ingest import ingest

LIMIT = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(5):
        rows = [{"id": f"{index}.{row}", "text": f"{TEXTS[row % 4]} {index} {row}"} for row in range(200)]
        write_lines(tmp_path / "own" / f"{index}.jsonl", rows)
    return tmp_path / "own"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files whose content is parsed."""
    found: list[str] = []
    real = formats.read_jsonl

    def noted(file: Any, layout: Any) -> Any:
        found.append(file.label)
        return real(file, layout)

    monkeypatch.setattr(formats, "read_jsonl", noted)
    return found


SOURCE = {"kind": "files", "paths": ["*.jsonl"], "id": "id", "on_error": "record", "max_unreadable": 0.5}


def outs(target: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(target.iterdir())}


def made(folder: Path, cached: bool = True, room: int = LIMIT, **source: Any) -> dict[str, bytes]:
    """What a run writes."""
    cache = Cache(folder.parent / "kept", room) if cached else None
    target = folder.parent / ("with" if cached else "without")
    ingest(settings(folder, {**SOURCE, **source}), target, None, cache)
    return outs(target)


def entries(folder: Path) -> list[Path]:
    return sorted((folder.parent / "kept").rglob("*.arrow"))


def test_only_the_changed_file_is_read_again(folder: Path, reads: list[str]) -> None:
    first = made(folder)
    assert reads == [f"{index}.jsonl" for index in range(5)]
    reads.clear()
    assert made(folder) == first and reads == []
    write_lines(folder / "3.jsonl", [{"id": "new", "text": "another text"}])
    again = made(folder)
    assert reads == ["3.jsonl"]
    assert again == made(folder, cached=False) and again != first
    (folder / "4.jsonl").unlink()
    write_lines(folder / "9.jsonl", [{"id": "9", "text": "a new file"}])
    reads.clear()
    third = made(folder)
    assert reads == ["9.jsonl"] and third == made(folder, cached=False)
    os.utime(folder / "0.jsonl", (1, 1))
    reads.clear()
    assert made(folder) == third and reads == []


def test_what_changes_the_records_reads_again_and_what_does_not_does_not(
    folder: Path, reads: list[str]
) -> None:
    made(folder)
    for change in ({"license": "MIT"}, {"lang": "de"}, {"unique": True}, {"max_unreadable": 0.1}):
        reads.clear()
        assert made(folder, **change) == made(folder, cached=False, **change)
        assert len(reads) == 5, "those of the run without a cache"
    for change in (
        {"passage_chars": 50},
        {"id": None},
        {"on_error": "fail"},
        {"encodings": ["utf-8", "cp1252"]},
    ):
        reads.clear()
        assert made(folder, **change) == made(folder, cached=False, **change)
        assert len(reads) == 10


def test_conversations_are_kept_too(folder: Path, reads: list[str]) -> None:
    turns = [{"said": "你好", "who": 1}, {"said": "Hello", "who": 2}]
    for index in range(5):
        write_lines(folder / f"{index}.jsonl", [{"turns": turns}])
    shape = {"messages": "turns", "text": "said", "speaker": "who"}
    first = made(folder, id=None, conversation=shape)
    reads.clear()
    assert made(folder, id=None, conversation=shape) == first and reads == []
    made(folder, id=None, conversation={**shape, "text": "who"})
    assert len(reads) == 5


def test_other_code_reads_again_and_removes_what_the_old_one_left(
    folder: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made(folder)
    old = entries(folder)
    monkeypatch.setattr(module, "code_version", lambda: "another")
    reads.clear()
    made(folder)
    assert len(reads) == 5 and not any(path.exists() for path in old) and len(entries(folder)) == 5


def test_the_version_is_that_of_every_module_that_readers_import(root: Path) -> None:
    """A reader that imports text handling from elsewhere would change without its entries being dropped."""
    from textmill.dag.closure import closure

    rooms = ("src/textmill/corpus/sources/", "src/textmill/corpus/archives.py")
    plain = {
        "src/textmill/__init__.py", "src/textmill/errors.py", "src/textmill/files.py",
        "src/textmill/progress.py", "src/textmill/corpus/__init__.py", "src/textmill/corpus/artifacts.py",
        "src/textmill/corpus/shards.py",
    }  # fmt: skip
    needed = set(closure("textmill.corpus.sources.ingest", root))
    others = {path for path in needed if not path.startswith((*rooms, "src/textmill/config/"))}
    assert others <= plain


def test_damaged_entries_are_noticed_and_made_again(folder: Path, reads: list[str]) -> None:
    first = made(folder)
    for damage in ("flip", "cut", "empty", "trailer"):
        path = entries(folder)[2]
        content = bytearray(path.read_bytes())
        if damage == "flip":
            content[len(content) // 3] ^= 8
        elif damage == "trailer":
            content[-40] ^= 1
        path.write_bytes(content[: {"cut": len(content) - 50, "empty": 0}.get(damage, len(content))])
        reads.clear()
        assert made(folder) == first
        assert len(reads) == 1, damage
    reads.clear()
    assert made(folder) == first and reads == []


def test_faults_of_unchanged_files_stay_in_the_outs(folder: Path, reads: list[str]) -> None:
    with (folder / "1.jsonl").open("a", encoding="utf-8") as file:
        file.write('{broken\n{"id": "0.7", "text": "a key of another file"}\n{"id": "x", "text": null}\n')
    first = made(folder)
    reads.clear()
    second = made(folder)
    assert reads == [] and second == first == made(folder, cached=False)
    manifest = json.loads(first["manifest.json"])["sources"]["own"]
    assert manifest["unreadable"] == 3 and manifest["records"] == 1003


def test_the_folder_stays_within_its_size(folder: Path, reads: list[str]) -> None:
    made(folder)
    sizes = {path.name: path.stat().st_size for path in entries(folder)}
    limit = sum(sizes.values()) - 1
    first = made(folder, room=limit)
    assert len(entries(folder)) == 4
    for index in range(5):
        write_lines(folder / f"{index}.jsonl", [{"id": f"{index}", "text": TEXTS[0] * 300}])
    assert made(folder, room=limit) != first
    assert sum(path.stat().st_size for path in entries(folder)) <= limit
    reads.clear()
    made(folder, room=limit)
    assert reads == []
    assert made(folder, room=10) == made(folder, cached=False) and entries(folder) == []


def test_a_limited_source_is_written_the_same_with_and_without(folder: Path) -> None:
    (folder / "2.jsonl").write_text("{broken\n" + (folder / "2.jsonl").read_text("utf-8"), "utf-8")
    for limit in (1, 200, 430, 450):
        first = made(folder, limit=limit)
        assert first == made(folder, limit=limit) == made(folder, cached=False, limit=limit)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@quickly(max_examples=25, deadline=None)
@given(
    files=st.dictionaries(
        st.sampled_from("abcd"), st.lists(st.one_of(TEXT, st.none(), st.just("{")), max_size=6), min_size=1
    ),
    change=st.dictionaries(st.sampled_from("abcd"), st.lists(TEXT, min_size=1, max_size=6)),
)
def test_any_files_give_the_same_bytes_with_and_without(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list], change: dict[str, list]
) -> None:
    folder = tmp_path_factory.mktemp("any") / "own"
    for state in (files, change):
        for name, texts in state.items():
            rows = [text if text == "{" else json.dumps({"text": text}) for text in [*texts, name]]
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.jsonl").write_text("\n".join(rows), encoding="utf-8")
        first = made(folder, id=None, max_unreadable=1.0)
        assert first == made(folder, id=None, max_unreadable=1.0)
        assert first == made(folder, cached=False, id=None, max_unreadable=1.0)


def test_new_data_of_one_source_leaves_the_shards_of_the_others(folder: Path) -> None:
    two = Ingest.model_validate(
        {
            "local": str(folder),
            "sources": {
                "a": {**SOURCE, "paths": ["0.jsonl", "1.jsonl"], "license": "MIT"},
                "b": {**SOURCE, "paths": ["2.jsonl"], "license": "MIT"},
            },
        }
    )
    ingest(two, folder.parent / "one")
    write_lines(folder / "2.jsonl", [{"id": "only", "text": "changed"}])
    ingest(two, folder.parent / "two")
    one, other = outs(folder.parent / "one"), outs(folder.parent / "two")
    assert [name for name in one if one[name] == other[name] and name.startswith("part")] == [
        "part-00000.parquet"
    ]
    assert list(other) == [
        "files.parquet", "manifest.json", "part-00000.parquet", "part-00001.parquet", "unreadable.parquet"
    ]  # fmt: skip


PARAMS = """
run: {engine: local, workers: 1}
ingest:
  local: own
  sources:
    own: {kind: files, paths: ["*.jsonl"], license: MIT}
"""


def test_a_killed_run_reads_finished_files_no_more(tmp_path: Path, root: Path) -> None:
    """kill -9 in the middle of many files; the same command goes on to what an undisturbed run writes."""
    work = tmp_path / "work"
    for index in range(24):
        rows = [{"text": f"{index} {row} " + TEXTS[row % 4] * 40} for row in range(1500)]
        write_lines(work / "own" / f"{index:02d}.jsonl", rows)
    (work / "params.yaml").write_text(PARAMS)
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    command = [sys.executable, "-m", "pipelines.ingest"]
    process = subprocess.Popen(command, cwd=work, env=environment, stderr=subprocess.DEVNULL)
    kept = work / ".textmill" / "ingest"
    deadline = time.monotonic() + 60
    while len(list(kept.rglob("[!.]*.arrow"))) < 8 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_ino for path in kept.rglob("[!.]*.arrow")}
    assert 8 <= len(finished) < 24 and not (work / "data" / "raw").exists()
    subprocess.run(command, cwd=work, env=environment, check=True, capture_output=True)
    after = {path: path.stat().st_ino for path in kept.rglob("*.arrow")}
    assert len(after) == 24
    assert {path: after[path] for path in finished} == finished, "no finished file was written anew"
    assert not list(kept.rglob(".*.tmp"))
    resumed = outs(work / "data" / "raw")
    (work / "params.yaml").write_text(PARAMS.replace("workers: 1", "workers: 1, reading_cache_gb: 0"))
    subprocess.run(command, cwd=work, env=environment, check=True, capture_output=True)
    assert outs(work / "data" / "raw") == resumed
