"""Package files come from the configured index, once, and only with the pinned hash."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from textmill.corpus.artifacts import cache_directory, fetch
from textmill.errors import UserError

WHEEL = b"PK wheel content" * 100
SDIST = b"sdist content" * 100
NAME = "my_pkg-1.0-py3-none-any.whl"
FILES = {NAME: WHEEL, "my_pkg-1.0.tar.gz": SDIST, "my_pkg-0.9-py3-none-any.whl": b"old"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Index:
    """A package index on loopback that notes requests; its attributes change what it serves."""

    def __init__(self) -> None:
        self.html, self.hashes, self.files = False, True, dict(FILES)
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.paths.append(self.path)
                status, kind, content = outer.answer(self.path)
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Keep the test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def hashes_of(self, content: bytes) -> dict[str, str]:
        return {"sha256": sha256(content)} if self.hashes else {}

    def answer(self, path: str) -> tuple[int, str, bytes]:
        if path.startswith("/files/"):
            content = self.files.get(path.removeprefix("/files/"))
            return (
                (200, "application/octet-stream", content)
                if content is not None
                else (404, "text/plain", b"")
            )
        if path != "/simple/my-pkg/":
            return 404, "text/plain", b"no such package"
        if self.html:
            links = []
            for name, data in FILES.items():
                pin = "&".join(map("=".join, self.hashes_of(data).items()))
                links.append(f'<a href="../../files/{name}#{pin}">{name}</a>')
            return 200, "text/html", f"<html><body>{''.join(links)}</body></html>".encode()
        entries = [
            {
                "filename": name,
                "url": f"/files/{name}",
                "hashes": {"sha256": sha256(data)} if self.hashes else {},
            }
            for name, data in FILES.items()
        ]
        page = {"meta": {"api-version": "1.0"}, "name": "my-pkg", "files": entries}
        return 200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    served = Index()
    monkeypatch.setenv("PIP_INDEX_URL", served.url)
    monkeypatch.setenv("TEXTMILL_CACHE", str(tmp_path / "cache"))
    yield served
    served.server.shutdown()


@pytest.mark.parametrize("html", [False, True])
def test_fetches_the_file_of_the_kind_wanted(index: Index, html: bool) -> None:
    index.html = html
    assert fetch("My.Pkg", "1.0", "wheel", sha256(WHEEL)).read_bytes() == WHEEL
    assert fetch("my_pkg", "1.0", "sdist", sha256(SDIST)).read_bytes() == SDIST


def test_a_second_fetch_asks_nobody(index: Index) -> None:
    first = fetch("my-pkg", "1.0", "wheel", sha256(WHEEL))
    index.paths.clear()
    assert fetch("my-pkg", "1.0", "wheel", sha256(WHEEL)) == first
    assert index.paths == []


def test_a_damaged_copy_is_fetched_anew(index: Index) -> None:
    path = fetch("my-pkg", "1.0", "wheel", sha256(WHEEL))
    path.write_bytes(WHEEL[:-1])
    assert fetch("my-pkg", "1.0", "wheel", sha256(WHEEL)).read_bytes() == WHEEL


def test_a_wrong_pin_is_told_before_anything_is_downloaded(index: Index) -> None:
    with pytest.raises(UserError, match=f"expected sha256 {'0' * 64}, found {sha256(WHEEL)}"):
        fetch("my-pkg", "1.0", "wheel", "0" * 64)
    assert all(not path.startswith("/files/") for path in index.paths)


@pytest.mark.parametrize("hashes", [True, False])
def test_other_content_than_pinned_is_not_kept(index: Index, hashes: bool) -> None:
    index.hashes = hashes
    index.files[NAME] = b"replaced"
    with pytest.raises(UserError, match=f"expected sha256 {sha256(WHEEL)}, found {sha256(b'replaced')}"):
        fetch("my-pkg", "1.0", "wheel", sha256(WHEEL))
    assert [path for path in cache_directory().rglob("*") if path.is_file()] == []


def test_missing_package_version_and_kind_are_told(index: Index) -> None:
    with pytest.raises(UserError, match="does not know a package"):
        fetch("nothing-here", "1.0", "wheel", "0" * 64)
    with pytest.raises(UserError, match=r"no wheel of this version; the latest wheels: 0\.9, 1\.0"):
        fetch("my-pkg", "2.0", "wheel", "0" * 64)
    with pytest.raises(UserError, match=r"no sdist of this version"):
        fetch("my-pkg", "0.9", "sdist", "0" * 64)
    with pytest.raises(UserError, match="64 hex digits"):
        fetch("my-pkg", "1.0", "wheel", "abc")


def test_without_a_network_the_message_says_what_to_check(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(UserError, match=r"cannot be reached.*needed once"):
        fetch("my-pkg", "1.0", "wheel", sha256(WHEEL))
