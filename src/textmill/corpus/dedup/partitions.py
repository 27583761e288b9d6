"""Clustering by many at a time: candidates by ranges of band keys, each range verified on its own, one union.

Texts that share a key are in the same range whichever shard they are in, so the ranges together propose the
pairs that one process would propose; and the components are those of all similar pairs, whoever verifies
them. What the tasks read and write are files in a folder that all of them reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from textmill.corpus.dedup.clustering import Clustering, Verifier, in_batches, joined, numbered, sets_of
from textmill.corpus.dedup.entries import Entry
from textmill.corpus.dedup.index import load_entry
from textmill.corpus.engines import Engine
from textmill.corpus.minhash import Band
from textmill.corpus.shingles import Int64s, Uint64s

_TEXTS_PER_TASK = 500_000
_PAIRS_PER_TASK = 200_000
_FIRST_BANDS = 2
"""Bands that go first: what they join, most of what is alike, no range of the others verifies again."""


@dataclass(frozen=True)
class Files:
    """Where tasks find the entries and what is known of their texts.

    Attributes:
        entries: their files, in the order in which their texts are numbered.
        folder: holds ``text.npy`` (int64, the distinct text of each text), ``leaders.npy`` (int64, where each
            distinct text is first seen) and ``component.npy`` (int64, its component so far).
    """

    entries: tuple[Path, ...]
    folder: Path

    def write(self, **arrays: np.ndarray) -> None:
        """Write arrays for the tasks that come."""
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)

    def read(self, name: str) -> np.ndarray:
        """An array, mapped into memory."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")


def clustering_on(
    engine: Engine, files: Files, entries: Sequence[Entry], bands: int, threshold: float
) -> Clustering:
    """As `clustering.clustering_of`, by an engine.

    This process holds some 60 bytes per text; a task holds 24 of every text, and the texts of its range.

    Args:
        engine: who works.
        files: of the entries; its folder is empty.
        entries: the entries, loaded.
        bands: how many there are.
        threshold: smallest exact Jaccard similarity of a pair that connects.
    """
    text = numbered(np.concatenate([entry.found.digests for entry in entries]))
    component = np.arange(int(text.max(initial=-1)) + 1)
    files.write(text=text, leaders=Clustering(text, component).leaders)
    ranges = max(2 * engine.width, len(component) // _TEXTS_PER_TASK)
    for chosen in (range(bands)[:_FIRST_BANDS], range(bands)[_FIRST_BANDS:]):
        if not chosen:
            continue
        files.write(component=component)
        task = partial(_edges, files, chosen, ranges, threshold)
        found = [edges for _, edges in engine.map("dedup", task, range(ranges))]
        component = joined(component, np.concatenate(found))
    return Clustering(text, component)


@dataclass(frozen=True)
class SetsOn:
    """The sets of distinct texts, compared by an engine; `clustering_on` has written what the tasks read."""

    engine: Engine
    files: Files

    def jaccard(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """As `ShingleSets.jaccard`."""
        similarity = np.zeros(len(pairs))
        if not len(pairs):
            return similarity
        # Neighbours in order are near each other on disk too.
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        parts = min(len(pairs), max(2 * self.engine.width, len(pairs) // _PAIRS_PER_TASK))
        blocks = np.array_split(order, parts)
        task = partial(_similarities, self.files)
        for place, values in self.engine.map("dedup", task, [pairs[block] for block in blocks]):
            similarity[blocks[place]] = values
        return similarity


def _similarities(files: Files, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    used, places = np.unique(pairs, return_inverse=True)
    entries = [load_entry(path) for path in files.entries]
    return sets_of(entries, files.read("leaders")[used]).jaccard(places.reshape(pairs.shape))


def _edges(files: Files, bands: Sequence[int], ranges: int, threshold: float, number: int) -> np.ndarray:
    """What a range of keys joins: pairs of distinct texts, int64 of shape (pairs, 2)."""
    entries = [load_entry(path) for path in files.entries]
    first, last = (-(-(place << 64) // ranges) for place in (number, number + 1))
    held = [_in_range(entries, files, band, first, last - 1) for band in bands]
    used = np.unique(np.concatenate([texts for _, texts in held]))
    before = np.unique(files.read("component")[used], return_inverse=True)[1]
    component = before
    leaders = files.read("leaders")[used]
    verifier = Verifier(sets_of(entries, leaders), threshold)
    members = [(Band(keys), np.searchsorted(used, texts)) for keys, texts in held]
    for pairs in in_batches(_numbered(band.neighbours(), places) for band, places in members):
        component = verifier.join(component, pairs)
    for band, places in members:
        for pairs in in_batches(_numbered(each, places) for each in band.others(component[places])):
            component = verifier.join(component, pairs)
    # One edge to the first text of its component for each text that was of another.
    root = np.unique(component, return_index=True)[1][np.unique(component, return_inverse=True)[1]]
    moved = np.flatnonzero(before != before[root])
    return np.stack((used[moved], used[root[moved]]), axis=1)


def _in_range(
    entries: Sequence[Entry], files: Files, band: int, least: int, most: int
) -> tuple[Uint64s, Int64s]:
    """The keys of a band from `least` to `most`, and the distinct text of each, once per distinct text."""
    text, leaders = files.read("text"), files.read("leaders")
    keys, texts, start = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], 0
    for entry in entries:
        assert entry.sorted is not None
        held = entry.sorted.keys[band]
        begin = np.searchsorted(held, np.uint64(least))
        end = np.searchsorted(held, np.uint64(most), side="right")
        places = start + entry.sorted.key_order[band][begin:end].astype(np.int64)
        numbers = text[places]
        first = leaders[numbers] == places
        keys.append(held[begin:end][first])
        texts.append(numbers[first])
        start += entry.texts
    return np.concatenate(keys), np.concatenate(texts)


def _numbered(pairs: npt.NDArray[np.int64], places: Int64s) -> npt.NDArray[np.int64]:
    return np.sort(places[pairs], axis=1)
