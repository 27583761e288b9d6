"""What is known of a corpus from earlier runs, so that only new shards are analysed.

A folder of files, outside the outs: one entry per shard, named after the hash of the shard's bytes, and the
state, which holds the clusters of the entries that it names. Params, seed and the code that analyses are part
of the folder's name. Every file is checked when it is read; what is missing, damaged or of another corpus is
made again, so that the index changes how long a run takes and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xxhash

from textmill.config.dedup import Dedup
from textmill.corpus import code_points, minhash, shingles
from textmill.corpus.dedup import analysis, entries, stored
from textmill.corpus.dedup.analysis import Analysis, analyse
from textmill.corpus.dedup.clustering import Clustering
from textmill.corpus.dedup.entries import Entry, Sorted
from textmill.corpus.dedup.stored import ArrayWriter, Damaged, StoredArrays
from textmill.files import replacing

_FOLDER = "index-"
_STATE = "state"
_SUFFIX = ".entry"
_ANALYSED = ("ids", "characters", "text", "digests", "sizes")
_SORTED = ("digest_order", "keys", "key_order")


class Index:
    """The index of the corpora analysed with some params and seed.

    Args:
        folder: where indices are kept, made if it is missing.
        params, seed: what the entries depend on besides the shards.
    """

    def __init__(self, folder: str | os.PathLike[str], params: Dedup, seed: int):
        self._root = Path(folder).absolute()
        self._folder = self._root / f"{_FOLDER}{_key(params, seed)}"
        self._params, self._seed = params, seed

    @property
    def folder(self) -> Path:
        """Where the entries lie, made if it is missing."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def made(self, path: Path) -> tuple[str, int]:
        """The name of a shard's entry, which is analysed now if it is not known, and its documents."""
        name = content_name(path)
        try:
            return name, len(StoredArrays(self._file(name))["characters"])
        except (FileNotFoundError, Damaged):
            return name, self._write(path, self._file(name))

    def entry(self, name: str) -> Entry:
        """The entry of a name that `made` has just given, which is not checked once more."""
        return load_entry(self._file(name))

    def files(self, names: Sequence[str]) -> tuple[Path, ...]:
        """The files of entries."""
        return tuple(self._file(name) for name in names)

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """Yield an empty folder beside the entries; what a killed run leaves of it, `keep` removes."""
        with tempfile.TemporaryDirectory(
            dir=self._root, prefix=f"{_FOLDER}working-", ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}{_SUFFIX}"

    def _write(self, path: Path, file: Path) -> int:
        with replacing(file) as temporary, temporary.open("wb") as out:
            writer = ArrayWriter(out)
            found = analyse(path, self._params, self._seed, writer.append)
            arrays = {name: getattr(found, name) for name in _ANALYSED}
            order = Sorted.of(found)
            writer.finish(arrays | {name: getattr(order, name) for name in _SORTED})
        return len(found.characters)

    def state(self, names: Sequence[str]) -> tuple[list[str], Clustering, np.ndarray, np.ndarray] | None:
        """The entries of an earlier run, their clustering and similarities, if all of them are in `names`."""
        try:
            found = StoredArrays(self._folder / _STATE)
        except (FileNotFoundError, Damaged):
            return None
        known = [name.decode() for name in found["names"].tolist()]
        if Counter(known) - Counter(names):
            return None
        return known, Clustering(found["text"], found["component"]), found["pairs"], found["jaccard"]

    def keep(
        self, names: Sequence[str], clustering: Clustering, pairs: np.ndarray, jaccard: np.ndarray
    ) -> None:
        """Write the state, and remove what belongs to none of the entries `names`."""
        with replacing(self._folder / _STATE) as temporary, temporary.open("wb") as out:
            ArrayWriter(out).finish(
                {
                    "names": np.array(names, "S32"),
                    "text": clustering.text,
                    "component": clustering.component,
                    "pairs": pairs,
                    "jaccard": jaccard,
                }
            )
        wanted = {_STATE, *(f"{name}{_SUFFIX}" for name in names)}
        for path in self._folder.iterdir():
            if path.name not in wanted:
                path.unlink(missing_ok=True)
        for path in self._root.glob(f"{_FOLDER}*"):
            if path != self._folder:
                shutil.rmtree(path, ignore_errors=True)

    def forget(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)


def content_name(path: Path) -> str:
    """The hash of a file's bytes, 32 hex digits."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def load_entry(file: Path) -> Entry:
    """An entry of the index that `Index.made` has checked in this run; shingles are checked as they are read.

    Raises:
        Damaged: it is not what was written.
        FileNotFoundError: there is none.
    """
    arrays = StoredArrays(file, checked=False)
    order = Sorted(**{name: arrays[name] for name in _SORTED})
    found = Analysis(**{name: arrays[name] for name in _ANALYSED}, keys=None)
    sizes = found.sizes
    return Entry(found, arrays.shingles(), np.cumsum(sizes) - sizes, order)


def _key(params: Dedup, seed: int) -> str:
    modules = (code_points, shingles, minhash, analysis, entries, stored)
    parts = [
        json.dumps([params.near, params.shingle, params.bands, params.rows, params.threshold, seed]),
        unicodedata.unidata_version,
        *(hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest() for module in modules),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
