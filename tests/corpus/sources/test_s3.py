"""Sources in an object store, read from a real server of the S3 protocol on this machine."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textmill.config.ingest import Ingest
from textmill.corpus.shards import read_table, shard_paths
from textmill.corpus.sources import url as module
from textmill.corpus.sources.cache import Cache
from textmill.corpus.sources.ingest import ingest
from textmill.errors import UserError
from textmill.files import read_json

pytestmark = pytest.mark.slow
pytest.importorskip("moto")
pytest.importorskip("s3fs")

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    served = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    served.start()
    host, port = served.get_host_and_port()
    yield f"http://{host}:{port}"
    served.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The filesystem of an empty store, its credentials in the environment alone."""
    import s3fs

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    _post(server, "reset")
    s3fs.S3FileSystem.clear_instance_cache()
    filesystem = s3fs.S3FileSystem()
    filesystem.mkdir("library")
    yield filesystem
    _post(server, "reset-auth", b"inf")
    s3fs.S3FileSystem.clear_instance_cache()


def _post(server: str, what: str, content: bytes = b"") -> None:
    request = Request(f"{server}/moto-api/{what}", content, {"Content-Type": "text/plain"}, method="POST")
    urlopen(request).close()


def lines(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode()


def read(folder: Path, *urls: str, **more: object) -> list[str]:
    """What a source of `urls` holds; what was read is kept in `folder`, as the stage keeps it."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()  # what was listed: each run is a process of its own
    source = {"kind": "url", "urls": list(urls), "license": "MIT", **more}
    settings = Ingest.model_validate({"local": str(folder), "sources": {"shelf": source}})
    ingest(settings, folder / "raw", cache=Cache(folder / "kept", 1 << 30))
    tables = [read_table(path, ["text"]) for path in shard_paths(folder / "raw")]
    return pa.concat_tables(tables)["text"].to_pylist()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def failure(folder: Path, *urls: str) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, *urls)
    assert KEY not in str(caught.value) and SECRET not in str(caught.value)
    return str(caught.value)


def test_every_format_is_read_from_a_bucket(store, tmp_path: Path) -> None:
    table = pa.table({"text": [f"第{number}行" for number in range(5000)]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=1000)
    store.pipe("library/a/1.jsonl", lines("one", "二"))
    store.pipe("library/a/2.jsonl.gz", gzip.compress(lines("three"), mtime=0))
    store.pipe("library/b.parquet", buffer.getvalue())
    found = read(tmp_path, "s3://library/a/*", "s3://library/b.parquet")
    assert found == ["one", "二", "three", *table["text"].to_pylist()]
    manifest = read_json(tmp_path / "raw/manifest.json")
    assert manifest["sources"]["shelf"]["files"] == 3


def test_only_changed_objects_are_read_again(store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    true = module._Remote.open
    monkeypatch.setattr(module._Remote, "open", lambda self: opened.append(self._url) or true(self))
    for name in "abc":
        store.pipe(f"library/{name}.jsonl", lines(f"{name} as it was"))
    first = read(tmp_path, "s3://library/*.jsonl")
    assert len(opened) == 3
    opened.clear()
    written = contents(tmp_path / "raw")
    assert read(tmp_path, "s3://library/*.jsonl") == first and not opened
    assert contents(tmp_path / "raw") == written, "an out that DVC sees as unchanged"
    store.pipe("library/a.jsonl", lines("a as it was"))
    assert read(tmp_path, "s3://library/*.jsonl") == first
    assert contents(tmp_path / "raw") == written, "nor does a new date of the same content change it"
    opened.clear()
    store.pipe("library/b.jsonl", lines("b as it is"))
    assert read(tmp_path, "s3://library/*.jsonl") == ["a as it was", "b as it is", "c as it was"]
    assert opened == ["s3://library/b.jsonl"]


def test_what_is_missing_is_named(store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.pipe("library/a.jsonl", lines("one"))
    assert "shelf: s3://library/b.jsonl: cannot be opened (the bucket holds no such file)" in failure(
        tmp_path, "s3://library/b.jsonl"
    )
    assert "s3://library/*.csv: no file matches" in failure(tmp_path, "s3://library/*.csv")
    for url in ("s3://archive/a.jsonl", "s3://archive/*.jsonl"):
        assert url in failure(tmp_path, url) and "there is no bucket archive" in failure(tmp_path, url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for url in ("s3://library/a.jsonl", "s3://library/*.jsonl"):
        message = failure(tmp_path, url)
        assert "Unable to locate credentials; credentials come from the environment" in message


def test_wrong_credentials_are_said_so(store, server: str, tmp_path: Path) -> None:
    store.pipe("library/a.jsonl", lines("one"))
    _post(server, "reset-auth", b"0")  # from now on keys are checked, and the store knows none
    for url in ("s3://library/a.jsonl", "s3://library/*.jsonl"):
        assert "credentials come from the environment" in failure(tmp_path, url)


def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(UserError, match=r"pip install 'textmill\[s3\]'"):
        module._Remote("s3://library/a.jsonl").open()


def test_no_credentials_are_written_or_printed(
    store, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    store.pipe("library/a.jsonl", lines("one"))
    signed = store.sign("library/a.jsonl")
    assert KEY in signed, "a signed URL holds the key's name and a signature"
    with caplog.at_level("INFO"):
        assert read(tmp_path, "s3://library/a.jsonl", signed) == ["one", "one"]
    signature = signed.partition("Signature=")[2].partition("&")[0]
    printed = "".join(capfd.readouterr())
    for secret in (KEY, SECRET, signature):
        assert secret not in printed and secret not in caplog.text
        for path in tmp_path.rglob("*"):
            assert path.is_dir() or secret.encode() not in path.read_bytes(), path
    message = failure(tmp_path, f"s3://{KEY}:{SECRET}@library/a.jsonl")
    assert "s3://library/a.jsonl: a URL with a password" in message
