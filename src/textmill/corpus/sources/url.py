"""Source kind `url`: files at any URL that fsspec knows (https, s3, gs, az, hdfs, …)."""

from __future__ import annotations

import hashlib
import io
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from textmill.config.ingest import Ingest, Url
from textmill.corpus.sources.compression import reason_of
from textmill.corpus.sources.files import local_piece
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.members import is_archive
from textmill.corpus.sources.opening import archive_records, file_records, members_by_archive, options
from textmill.corpus.sources.records import Feed, Identity, Origin, Piece
from textmill.errors import UserError

MARKS = ("ETag", "etag", "e_tag", "md5Hash", "content_md5", "Content-MD5", "crc32c", "checksum")
"""What stores call the mark that changes with a file's content."""

BUCKETS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
"""Schemes whose URLs begin with a bucket or container."""


def feed(source: Url, settings: Ingest) -> Feed:
    """Open the files at the URLs of a source.

    Args:
        source: what to read; credentials come from the environment, as the store's fsspec driver reads them.
        settings: the limits.

    Raises:
        UserError: the scheme is unknown or needs a driver, the store does not answer or wants other
            credentials, a URL holds some, or a glob matches nothing.
    """
    for url in source.urls:
        if ":" in _login(url):
            raise UserError(
                f"{_shown(url)}: a URL with a password in it ends up in git and in manifests. Leave it out; "
                "credentials come from the environment, as the store's fsspec driver reads them."
            )
    members: dict[str, list[str]] = {}
    for pattern, inside in members_by_archive(source.urls, lambda url: is_archive(_shown(url))).items():
        for url in _expanded(pattern):
            members.setdefault(url, []).extend(inside or ([] if not is_archive(_shown(url)) else ["*"]))
    layout = Layout.of(source, settings.max_record_bytes)
    pieces = [_piece(url, inside, layout, settings) for url, inside in members.items()]
    return Feed(pieces, {"files": len(pieces)})


def _piece(url: str, members: list[str], layout: Layout, settings: Ingest) -> Piece:
    shown = _shown(url)
    path = _local_path(url)
    if path is not None:
        return local_piece(path, shown, members, layout, settings)
    limits = settings.archives
    remote = _Remote(url)
    if members:
        read = archive_records(
            remote.open, partial(Origin, shown, shown), f"{shown}!/", members, layout, limits
        )
    else:
        read = file_records(remote.open, shown, shown, layout, limits)
    return Piece(shown, read, remote.identity, options(layout, limits, members), remote.facts)


class _Remote:
    """A file in a store, and the hash of what was read of it."""

    def __init__(self, url: str):
        self._url, self._hashed = url, None

    _hashed: _Hashed | None

    def open(self) -> IO[bytes]:
        """Open it for reading.

        Raises:
            UserError: the store does not answer, or has no such file.
        """
        where = _shown(self._url)
        try:
            raw = fsspec.open(self._url, "rb").open()
        except Exception as error:
            # Each store's driver has exceptions of its own; none of them is a mistake of ours.
            raise UserError(f"{where}: cannot be opened ({_reason(error, self._url)}).") from error
        self._hashed = _Hashed(raw, where)
        return cast(IO[bytes], self._hashed)

    def identity(self) -> Identity | None:
        """The store's mark of the content, None where it has none."""
        try:
            filesystem, path = fsspec.core.url_to_fs(self._url)
            info = filesystem.info(path)
        except Exception:
            # Opening the file will tell what is wrong.
            return None
        marks = {name: str(info[name]) for name in MARKS if info.get(name)}
        if not marks:
            return None
        return Identity(f"{_shown(self._url)} {info.get('size')} {sorted(marks.items())}", {})

    def facts(self) -> dict[str, Any]:
        """Bytes and sha256 of the file, if it was read from the first byte to the last."""
        digest = self._hashed.digest if self._hashed else None
        return {"bytes": digest[0], "sha256": digest[1]} if digest else {}


class _Hashed(io.RawIOBase):
    """The bytes of a remote file; hashed as long as they are read in order."""

    def __init__(self, raw: IO[bytes], where: str):
        self._raw, self._where = raw, where
        self._sha256: Any = hashlib.sha256()
        self._bytes = 0
        self.digest: tuple[int, str] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._raw.seekable())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        before = self._raw.tell()
        after = self._raw.seek(offset, whence)
        if after != before:
            self._sha256 = None
        return after

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: Any) -> int:
        try:
            block = self._raw.read(len(buffer))
        except Exception as error:
            raise UserError(f"{self._where}: cannot be read ({reason_of(error)}).") from error
        if self._sha256 is not None:
            self._sha256.update(block)
            self._bytes += len(block)
            if not block and len(buffer):
                self.digest = self._bytes, self._sha256.hexdigest()
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _local_path(url: str) -> Path | None:
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except Exception:
        return None
    return Path(path) if isinstance(filesystem, LocalFileSystem) else None


def _expanded(pattern: str) -> list[str]:
    if not any(sign in pattern.split("?", 1)[0] for sign in "*["):
        return [pattern]
    try:
        filesystem, _, _ = fsspec.get_fs_token_paths(pattern, expand=False)
        matches = sorted(filesystem.unstrip_protocol(path) for path in filesystem.glob(pattern))
    except Exception as error:
        raise UserError(f"{_shown(pattern)}: cannot be listed ({_reason(error, pattern)}).") from error
    if not matches:
        absent = _absent_bucket(pattern)
        raise UserError(f"{_shown(pattern)}: {absent or 'no file matches'}; expected at least one file.")
    return matches


def _reason(error: BaseException, url: str) -> str:
    """What went wrong, and what helps against it; nothing of it is secret."""
    reason = reason_of(error).replace(url, _shown(url))
    scheme = url.partition("://")[0]
    if isinstance(error, FileNotFoundError):
        if scheme not in BUCKETS:
            return "not found, or its server does not answer"
        return _absent_bucket(url) or "the bucket holds no such file"
    if isinstance(error, ImportError) and scheme in ("s3", "s3a"):
        return f"{reason}: pip install 'textmill[s3]'"
    if isinstance(error, PermissionError) or "credentials" in reason.lower():
        return f"{reason}; credentials come from the environment, as the store's fsspec driver reads them"
    return reason


def _absent_bucket(url: str) -> str:
    """That there is no such bucket; empty if there is one, or no way to tell."""
    if url.partition("://")[0] not in BUCKETS:
        return ""
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        bucket = path.partition("/")[0]
        return "" if filesystem.exists(bucket) else f"there is no bucket {bucket}"
    except Exception:
        return ""


def _login(url: str) -> str:
    """``user:password`` of ``scheme://user:password@host/path``; empty without."""
    return url.partition("://")[2].partition("/")[0].rpartition("@")[0]


def _shown(url: str) -> str:
    """A URL without its query, which may hold a signature, and without a password."""
    shown, login = url.split("?", 1)[0], _login(url)
    return shown.replace(f"{login}@", "", 1) if login else shown
