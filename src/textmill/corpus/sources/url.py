"""Source kind `url`: files at any URL that fsspec knows (https, s3, gs, az, hdfs, …)."""

from __future__ import annotations

from collections.abc import Iterator

import fsspec

from textmill.config.ingest import Url
from textmill.corpus.sources.files import decompressed
from textmill.corpus.sources.formats import Opened, read
from textmill.corpus.sources.layout import Layout
from textmill.corpus.sources.records import Feed, Records
from textmill.errors import UserError


def feed(source: Url, limit: int) -> Feed:
    """Open the files at the URLs of a source.

    Args:
        source: what to read; credentials come from the environment, as the store's fsspec driver reads them.
        limit: longest record in bytes.

    Raises:
        UserError: the scheme is unknown or needs a driver, the store does not answer, or a glob matches
            nothing.
    """
    urls = [url for pattern in source.urls for url in _expanded(pattern)]
    layout = Layout.of(source, limit)

    def records() -> Iterator[Records]:
        for url in dict.fromkeys(urls):
            with decompressed(url, _shown(url)) as raw:
                yield from read(Opened(raw, _shown(url), _shown(url)), layout)

    return Feed(records, {"files": len(dict.fromkeys(urls))})


def _expanded(pattern: str) -> list[str]:
    if not any(sign in pattern.split("?", 1)[0] for sign in "*["):
        return [pattern]
    try:
        filesystem, _, _ = fsspec.get_fs_token_paths(pattern, expand=False)
        matches = sorted(filesystem.unstrip_protocol(path) for path in filesystem.glob(pattern))
    except (OSError, ValueError, ImportError) as error:
        raise UserError(f"{pattern}: cannot be listed ({str(error).splitlines()[0]}).") from error
    if not matches:
        raise UserError(f"{pattern}: no file matches; expected at least one.")
    return matches


def _shown(url: str) -> str:
    """A URL without its query, which may hold a signature."""
    return url.split("?", 1)[0]
