"""A file that is open for reading, wherever it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from textmill.corpus.sources.records import Origin


@dataclass(frozen=True)
class Opened(Origin):
    """A file open for reading.

    Attributes:
        raw: its decompressed bytes.
        path: where it lies on this machine, if it does and is not compressed.
    """

    raw: IO[bytes] = None  # type: ignore[assignment]
    path: Path | None = None
