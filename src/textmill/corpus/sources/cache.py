"""What was read of unchanged files, kept outside the outs so that only changed files are read again.

An entry is one file: an Arrow stream of records, a JSON trailer (faults, counts), the trailer's length and an
xxh3_128 of all that comes before it. It is named after the content it was read from, everything else that the
records depend on, and the code of the readers. Deleting the folder costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from textmill.corpus.sources.faults import Fault, Faults
from textmill.corpus.sources.records import Origin, Records
from textmill.files import is_disk_full

ROWS = pa.schema([("key", pa.string()), ("text", pa.large_string()), ("meta", pa.string())])
PACKAGES = (
    "charset-normalizer", "datasets", "orjson", "pyarrow", "pypdf", "python-docx", "warcio", "zstandard"
)  # fmt: skip
"""Packages whose version decides what is read."""

_HASHED = 1 << 20
_DIGEST, _LENGTH = 16, 8


class Cache:
    """A folder of entries, of at most `limit` bytes.

    Entries that a run has used stay to its end; when they alone fill the folder, what is read further is not
    kept.
    """

    def __init__(self, folder: Path, limit: int):
        self._root, self._limit = folder, limit
        self._folder = folder / code_version()
        self._used: set[str] = set()
        self._used_bytes = 0
        self._total: int | None = None

    def key(self, tag: str, depends: Any) -> str:
        """The name of the entry for content with the tag `tag`, read in the way that `depends` says."""
        text = json.dumps([tag, depends], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def open(self, key: str) -> Entry | None:
        """The entry of this name; None where there is none, or a damaged one, which is removed."""
        path = self._path(key)
        try:
            entry = Entry.of(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
            return None
        with suppress(OSError):
            os.utime(path)
        self._use(key, path)
        return entry

    @contextmanager
    def writing(self, key: str) -> Iterator[Writer]:
        """Yields what an entry is written with; it is kept if it was finished and there is room."""
        path = self._path(key)
        room = self._limit - self._used_bytes
        writer = Writer(path.with_name(f".{key}.{os.getpid()}.tmp"), room)
        try:
            yield writer
            if writer.finished:
                writer.path.replace(path)
                size = self._use(key, path)
                if self._total is not None:
                    self._total += size
                if self._total is None or self._total > self._limit:
                    self._make_room()
        finally:
            writer.discard()

    def prune(self) -> None:
        """At the end of a run: keep to the limit, without entries of other versions of the readers."""
        for other in self._root.glob("*"):
            if other != self._folder and other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
        for unfinished in self._folder.glob(".*.tmp"):
            with suppress(OSError, ValueError):
                if not Path(f"/proc/{int(unfinished.name.split('.')[-2])}").exists():
                    unfinished.unlink()
        self._used.clear()
        self._make_room()

    def _use(self, key: str, path: Path) -> int:
        size = path.stat().st_size
        if key not in self._used:
            self._used.add(key)
            self._used_bytes += size
        return size

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.arrow"

    def _make_room(self) -> None:
        """Remove the entries that were not used for longest until all that are left fit."""
        entries = [(path, path.stat()) for path in self._folder.glob("[!.]*.arrow")]
        self._total = sum(stat.st_size for _, stat in entries)
        for path, stat in sorted(entries, key=lambda each: (each[1].st_mtime_ns, each[0].name)):
            if self._total <= self._limit:
                return
            if path.stem not in self._used:
                path.unlink(missing_ok=True)
                self._total -= stat.st_size


@dataclass(frozen=True)
class Entry:
    """A whole entry; `faults` and `tally` are those of the file when it was read."""

    path: Path
    faults: list[Fault]
    tally: dict[str, Any]

    @classmethod
    def of(cls, path: Path) -> Entry:
        """Check an entry from its first to its last byte.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is damaged.
        """
        size = path.stat().st_size
        with path.open("rb") as file:
            digest, left = xxhash.xxh3_128(), size - _DIGEST
            while left > 0 and (block := file.read(min(left, _HASHED))):
                digest.update(block)
                left -= len(block)
            if left or file.read() != digest.digest():
                raise ValueError(f"{path}: damaged")
            file.seek(size - _DIGEST - _LENGTH)
            length = int.from_bytes(file.read(_LENGTH), "little")
            file.seek(size - _DIGEST - _LENGTH - length)
            trailer = json.loads(file.read(length))
        return cls(path, [Fault(**fault) for fault in trailer["faults"]], trailer["tally"])

    def records(self, faults: Faults) -> Iterator[Records]:
        """Yield the records."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_stream(file) as reader:
            while True:
                try:
                    batch, origin = reader.read_next_batch_with_custom_metadata()
                except StopIteration:
                    return
                names = Origin(origin[b"label"].decode(), origin[b"where"].decode(), faults)
                yield Records(batch["key"], batch["text"], batch["meta"], names)


class Writer:
    """Writes an entry; gives up silently where there is no room, in the folder or on the disk."""

    def __init__(self, path: Path, room: int):
        self.path, self.finished = path, False
        self._room = room
        self._stream: Any = None
        self._sink: Any = None
        if room > 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = pa.OSFile(str(path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._stream = pa.ipc.new_stream(self._sink, ROWS, options=options)

    def write(self, records: Records) -> None:
        """Append a batch of records."""
        if self._sink is None:
            return
        batch = pa.RecordBatch.from_arrays([records.keys, records.texts, records.meta], schema=ROWS)
        origin = {"label": records.origin.label, "where": records.origin.where}
        try:
            self._stream.write_batch(batch, custom_metadata=origin)
        except OSError as error:
            if not is_disk_full(error):
                raise
            self.discard()
            return
        if self._sink.tell() > self._room:
            self.discard()

    def finish(self, faults: Sequence[Fault], tally: dict[str, Any]) -> None:
        """Write the trailer; the entry is whole after that."""
        if self._sink is None:
            return
        trailer = json.dumps({"faults": [asdict(fault) for fault in faults], "tally": tally}).encode()
        try:
            self._stream.close()
            self._sink.close()
            digest = xxhash.xxh3_128()
            with self.path.open("r+b") as file:
                while block := file.read(_HASHED):
                    digest.update(block)
                ending = trailer + len(trailer).to_bytes(_LENGTH, "little")
                digest.update(ending)
                file.write(ending + digest.digest())
        except OSError as error:
            if not is_disk_full(error):
                raise
            self.discard()
            return
        self.finished = True

    def discard(self) -> None:
        """Remove what was written, unless it has been put in its place."""
        if self._sink is not None:
            with suppress(OSError, pa.ArrowInvalid):
                self._sink.close()
        self._sink = self._stream = None
        self.finished = False
        self.path.unlink(missing_ok=True)


@cache
def code_version() -> str:
    """A hash of the readers' code and of the packages that decide what they read."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted([*folder.glob("*.py"), folder.parent / "archives.py"]):
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    for package in PACKAGES:
        try:
            digest.update(f"{package} {importlib.metadata.version(package)}\0".encode())
        except importlib.metadata.PackageNotFoundError:
            digest.update(f"{package} absent\0".encode())
    return digest.hexdigest()[:16]
