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
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
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
        self._root = Path(folder)
        self._folder = self._root / f"{_FOLDER}{_key(params, seed)}"
        self._params, self._seed = params, seed

    def entry(self, path: Path, name: str, advance: Callable[[int], None]) -> Entry:
        """The entry of a shard, analysed now if it is not known.

        Args:
            path: the shard.
            name: as `content_name` gives it.
            advance: called with the number of documents done.
        """
        file = self._folder / f"{name}{_SUFFIX}"
        try:
            entry = _loaded(file)
        except (FileNotFoundError, Damaged):
            self._write(path, file, advance)
            return _loaded(file)
        advance(len(entry.found.ids))
        return entry

    def _write(self, path: Path, file: Path, advance: Callable[[int], None]) -> None:
        with replacing(file) as temporary, temporary.open("wb") as out:
            writer = ArrayWriter(out)
            found = analyse(path, self._params, self._seed, writer.append, advance)
            arrays = {name: getattr(found, name) for name in _ANALYSED}
            order = Sorted.of(found)
            writer.finish(arrays | {name: getattr(order, name) for name in _SORTED})

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


def _loaded(file: Path) -> Entry:
    arrays = StoredArrays(file)
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
