"""Files of arrays that tell whether they are whole: the entries and the state of the index."""

from __future__ import annotations

import json
import mmap
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xxhash

from textmill.corpus.shingle_sets import ShingleFile
from textmill.corpus.shingles import Int64s, Uint64s

_CHUNK = 1 << 16
_TRAILER = struct.Struct("<QQ16s")


class Damaged(Exception):
    """A stored file is not what was written; `path` names it."""

    def __init__(self, path: Path):
        super().__init__(f"{path} is damaged")
        self.path = path


class ArrayWriter:
    """Writes shingles, in chunks that are hashed one by one, and then named arrays, each with its hash."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._pending = np.zeros(0, np.uint64)
        self._chunks: list[bytes] = []
        self._shingles = 0

    def append(self, hashes: Uint64s) -> None:
        """Add shingles, uint64."""
        self._file.write(hashes.data)
        self._shingles += len(hashes)
        pending = np.concatenate((self._pending, hashes))
        whole = len(pending) // _CHUNK * _CHUNK
        for start in range(0, whole, _CHUNK):
            self._chunks.append(xxhash.xxh3_64_digest(pending[start : start + _CHUNK].data))
        self._pending = pending[whole:]

    def finish(self, arrays: dict[str, np.ndarray]) -> None:
        """Write the arrays and what it takes to check everything."""
        if len(self._pending):
            self._chunks.append(xxhash.xxh3_64_digest(self._pending.data))
        arrays = {**arrays, "_chunks": np.frombuffer(b"".join(self._chunks), np.uint64)}
        written: dict[str, Any] = {"shingles": self._shingles, "arrays": {}}
        for name, array in arrays.items():
            data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
            written["arrays"][name] = [
                array.dtype.str,
                array.shape,
                self._file.tell(),
                xxhash.xxh3_128_hexdigest(data.data),
            ]
            self._file.write(data.data)
            self._file.write(bytes(-len(data) % 8))
        footer = json.dumps(written).encode()
        start = self._file.tell()
        self._file.write(footer)
        self._file.write(_TRAILER.pack(start, len(footer), xxhash.xxh3_128_digest(footer)))


class StoredArrays:
    """A file that `ArrayWriter` wrote. Arrays are checked when it is opened, shingles when they are read.

    Without `checked` arrays are taken as they are: those of a file that another process has just checked.

    Raises:
        Damaged: the file is cut off, or a byte of it was changed.
        FileNotFoundError: there is none.
    """

    def __init__(self, path: Path, checked: bool = True):
        self.path, self._check_arrays = path, checked
        self._file = path.open("rb")
        try:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            start, length, digest = _TRAILER.unpack(self._map[-_TRAILER.size :])
            footer = self._map[start : start + length]
            if xxhash.xxh3_128_digest(footer) != digest:
                raise ValueError(path)
            self._written = json.loads(footer)
            self._arrays = {name: self._array(*each) for name, each in self._written["arrays"].items()}
        except (ValueError, struct.error, TypeError) as error:
            self._file.close()
            raise Damaged(path) from error
        self._checked = np.zeros(len(self._arrays["_chunks"]), bool)

    def _array(self, dtype: str, shape: list[int], start: int, digest: str) -> np.ndarray:
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(self._map, np.dtype(dtype), count, start)
        if self._check_arrays and xxhash.xxh3_128_hexdigest(array.view(np.uint8).data) != digest:
            raise ValueError(self.path)
        return array.reshape(shape)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def shingles(self) -> ShingleFile:
        """The file's shingles."""
        return ShingleFile(self._file.fileno(), self._written["shingles"], self._check)

    def _check(self, begin: Int64s, end: Int64s) -> None:
        for chunk in np.unique(np.concatenate([begin // _CHUNK, np.maximum(end - 1, begin) // _CHUNK])):
            self._check_chunk(int(chunk))
        # A text longer than a chunk has some in between.
        for place in np.flatnonzero(end - begin > _CHUNK):
            for chunk in range(int(begin[place]) // _CHUNK, int(end[place] - 1) // _CHUNK):
                self._check_chunk(chunk)
        self._map.madvise(mmap.MADV_DONTNEED)

    def _check_chunk(self, chunk: int) -> None:
        if chunk >= len(self._checked) or self._checked[chunk]:
            return
        start = chunk * _CHUNK
        count = min(_CHUNK, self._written["shingles"] - start)
        data = np.frombuffer(self._map, np.uint64, count, 8 * start)
        if xxhash.xxh3_64_digest(data.data) != self._arrays["_chunks"][chunk : chunk + 1].tobytes():
            raise Damaged(self.path)
        self._checked[chunk] = True
