"""Clusters of exact and near-duplicates.

Exact: equal text after NFKC, lower case, and each run of white space as one space. Near: connected by pairs
whose shingle sets have a Jaccard similarity of at least the threshold, every pair checked exactly. A cluster
does not depend on the order of the documents or on how they are spread over shards.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.dedup import Dedup
from textmill.corpus.dedup.analysis import analyse
from textmill.corpus.dedup.clustering import Clustering, clustering_of, extended, sets_of
from textmill.corpus.dedup.clusters import cluster_table
from textmill.corpus.dedup.entries import Entry
from textmill.corpus.dedup.index import Index
from textmill.corpus.dedup.partitions import Files, SetsOn, clustering_on
from textmill.corpus.dedup.plants import quality_of
from textmill.corpus.dedup.stored import Damaged
from textmill.corpus.engines import Engine, Local
from textmill.corpus.shards import shard_paths
from textmill.corpus.shingle_sets import ShingleSets, ShingleSpool
from textmill.corpus.shingles import Int64s

_TEXTS_WORTH_PROCESSES = 1_000_000


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    Attributes:
        table: of schema `DUPLICATE`, ordered by cluster and id.
        quality: how well duplicates that were planted were found (`plants.quality_of`), if any were.
    """

    table: pa.Table
    quality: dict[str, Any] | None = None


def find_duplicates(
    clean: str | os.PathLike[str],
    params: Dedup,
    seed: int,
    scratch: str | os.PathLike[str],
    advance: Callable[[int], None] = lambda documents: None,
    index: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
) -> pa.Table:
    """Find the duplicates among the documents of a directory of shards.

    Memory is that of one shard, and about 80 bytes per document and 8 more per band; the shingles go to disk.

    Args:
        clean: directory of document shards (columns `id`, `text`).
        params: what counts as a duplicate.
        seed: chooses the hash functions.
        scratch: directory for temporary data of about one and a half times the size of the text.
        advance: called with the number of documents read.
        index: folder of the index; None does without. It changes nothing but the time.
        engine: who works; None means this process. It changes nothing but the time either.

    Returns:
        A table of schema `DUPLICATE`, ordered by cluster and id.
    """
    unplanted = params.model_copy(update={"plant": 0})
    return find_and_judge(clean, unplanted, seed, scratch, advance, index, engine).table


def find_and_judge(
    clean: str | os.PathLike[str],
    params: Dedup,
    seed: int,
    scratch: str | os.PathLike[str],
    advance: Callable[[int], None] = lambda documents: None,
    index: str | os.PathLike[str] | None = None,
    engine: Engine | None = None,
) -> Duplicates:
    """As `find_duplicates`; and with `params.plant` how well duplicates are found."""
    engine = engine or Local()
    search = _Search(clean, params, seed, scratch)
    if index is None and engine.width == 1:
        return search.in_memory(advance)
    if index is None:
        # What one worker finds others read, so it has to be in files with names.
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            return find_and_judge(clean, params, seed, scratch, advance, folder, engine)
    known = Index(index, params, seed)
    try:
        return search.indexed(known, engine, advance)
    except Damaged:
        # Shingles are checked when they are read, which is late; what else is there was checked before.
        known.forget()
        return search.indexed(known, engine, lambda documents: None)


@dataclass(frozen=True)
class _Search:
    """What is looked for and where; see `find_duplicates`."""

    clean: str | os.PathLike[str]
    params: Dedup
    seed: int
    scratch: str | os.PathLike[str]

    def in_memory(self, advance: Callable[[int], None]) -> Duplicates:
        """All at once by this process, which keeps nothing but the shingles on disk."""
        with ShingleSpool(self.scratch) as spool:
            found = [
                analyse(path, self.params, self.seed, spool.append, advance)
                for path in shard_paths(self.clean)
            ]
            shingles = spool.sealed()
            sizes = np.concatenate([each.sizes for each in found])
            begin = np.split(np.cumsum(sizes) - sizes, np.cumsum([len(each.sizes) for each in found])[:-1])
            entries = [Entry(each, shingles, place) for each, place in zip(found, begin, strict=True)]
            clustering = clustering_of(entries, self.params.threshold)
            return self._judged(entries, clustering, sets_of(entries, clustering.leaders).jaccard)

    def indexed(self, index: Index, engine: Engine, advance: Callable[[int], None]) -> Duplicates:
        """By way of the index, which afterwards knows these shards."""
        names = _made(index, shard_paths(self.clean), engine, advance)
        state = index.state(names)
        known: Clustering | None = None
        similarities: list[Any] = []
        with index.working_folder() as folder:
            if state is None:
                entries = [index.entry(name) for name in names]
                files = Files(index.files(names), folder)
                clustering, sets = _clustered(entries, files, self.params, engine)
            else:
                before, known, *similarities = state
                order = _known_first(names, before)
                names = [names[place] for place in order]
                entries = [index.entry(name) for name in names]
                old, new = entries[: len(before)], entries[len(before) :]
                clustering = extended(known, old, new, self.params.threshold) if new else known
                sets = sets_of(entries, clustering.leaders)
            similarity = Similarities(sets, *similarities)
            judged = self._judged(entries, clustering, similarity.jaccard)
            if clustering is not known:
                index.keep(names, clustering, similarity.pairs, similarity.values)
        return judged

    def _judged(
        self,
        entries: Sequence[Entry],
        clustering: Clustering,
        jaccard: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
    ) -> Duplicates:
        table = _table(entries, clustering, jaccard)
        if not self.params.plant or not self.params.near:
            return Duplicates(table)
        return Duplicates(
            table, quality_of(self.clean, entries, clustering, self.params, self.seed, self.scratch)
        )


def _made(index: Index, paths: Sequence[Path], engine: Engine, advance: Callable[[int], None]) -> list[str]:
    """The names of the shards' entries, which are all in the index afterwards."""
    engine.prepare([index.folder])
    # The largest first, so that no worker is left alone with one.
    order = sorted(range(len(paths)), key=lambda place: (-paths[place].stat().st_size, place))
    names = [""] * len(paths)
    for begun, (name, documents) in engine.map(
        "dedup", index.made, [paths[place].absolute() for place in order]
    ):
        names[order[begun]] = name
        advance(documents)
    return names


def _clustered(
    entries: Sequence[Entry], files: Files, params: Dedup, engine: Engine
) -> tuple[Clustering, ShingleSets | SetsOn]:
    few = sum(entry.texts for entry in entries) < _TEXTS_WORTH_PROCESSES
    # A Ray worker waits for what comes next; processes of this machine would be started for each step.
    if engine.width == 1 or (engine.name == "local" and few):
        clustering = clustering_of(entries, params.threshold)
        return clustering, sets_of(entries, clustering.leaders)
    bands = params.bands if params.near else 0
    return clustering_on(engine, files, entries, bands, params.threshold), SetsOn(engine, files)


def _known_first(names: Sequence[str], before: Sequence[str]) -> list[int]:
    """The places of `names` in the order of `before`, and then those of the others."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        places.setdefault(name, []).append(place)
    first = [places[name].pop(0) for name in before]
    return [*first, *sorted(place for left in places.values() for place in left)]


class Similarities:
    """The Jaccard similarities that the table of an earlier run shows, and those it lacks.

    Args:
        sets: the sets of the distinct texts.
        pairs: int64, codes of the pairs known, ascending.
        values: float64, their similarities.
    """

    def __init__(
        self,
        sets: ShingleSets | SetsOn,
        pairs: Int64s | None = None,
        values: npt.NDArray[np.float64] | None = None,
    ):
        self._sets = sets
        self.pairs = np.zeros(0, np.int64) if pairs is None else pairs
        self.values = np.zeros(0) if values is None else values

    def jaccard(self, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """As `ShingleSets.jaccard`; what is known afterwards are these pairs and no others."""
        codes = (pairs[:, 0] << 32) | pairs[:, 1]
        places = np.searchsorted(self.pairs, codes)
        known = np.append(self.pairs, -1)[places] == codes
        values = np.append(self.values, 0.0)[np.where(known, places, -1)]
        values[~known] = self._sets.jaccard(pairs[~known])
        self.pairs, first = np.unique(codes, return_index=True)
        self.values = values[first]
        return values


def _table(
    entries: Sequence[Entry],
    clustering: Clustering,
    jaccard: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
) -> pa.Table:
    bases = np.cumsum([0, *(entry.texts for entry in entries)]).tolist()
    text = [clustering.text[entry.found.text + base] for entry, base in zip(entries, bases, strict=False)]
    return cluster_table(
        np.concatenate([entry.found.ids for entry in entries]),
        np.concatenate([entry.found.characters for entry in entries]),
        np.concatenate(text),
        clustering.component,
        jaccard,
    )
