"""How often each document of the training split is written: epochs, weights, and a hash for the remainder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from textmill.corpus.shards import read_table
from textmill.errors import UserError

_STREAM = 5
"""Keeps these draws apart from those of the validation split, which hash the same ids."""


class Mixing:
    """Copies of documents: ``epochs × source × language × weight``, rounded down or up by the id's hash.

    2.5 copies of a source are two of each document and a third of the half whose hash is smallest, so equal
    params give equal copies, whatever else is in the corpus. Factors below 1 thin out.
    """

    def __init__(
        self,
        seed: int,
        epochs: float = 1.0,
        sources: Mapping[str, float] | None = None,
        languages: Mapping[str, float] | None = None,
        weights: str | os.PathLike[str] | None = None,
    ):
        """Args: the seed; factors for all documents, by source and by language; a Parquet file of weights.

        `weights` has columns `id` (string) and `weight` (a number, 0 or more); documents it does not name
        weigh 1. A file that is not there, or has no rows, means nothing.

        Raises:
            UserError: the file is damaged, names a document twice, or has a negative weight.
        """
        self.seed, self.epochs = seed, epochs
        self.sources, self.languages = dict(sources or {}), dict(languages or {})
        self._ids, self._weights = _read_weights(weights)

    @property
    def plain(self) -> bool:
        """Whether every document is written exactly once."""
        factors = {self.epochs, *self.sources.values(), *self.languages.values()}
        return factors == {1.0} and not len(self._ids)

    def copies(self, documents: pa.RecordBatch | pa.Table) -> npt.NDArray[np.int64]:
        """How often each of `documents` (columns `id`, `source`, `lang`) is written: int64, (rows,)."""
        if self.plain:
            return np.ones(len(documents), np.int64)
        wanted = np.full(len(documents), self.epochs, np.float64)
        wanted *= _factors(documents["source"], self.sources)
        wanted *= _factors(documents["lang"], self.languages)
        if len(self._ids):
            wanted *= self._weight_of(documents["id"])
        whole = np.floor(wanted)
        copies = whole.astype(np.int64)
        rest = wanted - whole
        unsure = np.flatnonzero(rest > 0)
        if len(unsure):
            keys = documents["id"].take(pa.array(unsure)).cast(pa.binary()).to_pylist()
            stream = self.seed + (_STREAM << 32)
            hashes = np.array([xxhash.xxh3_64_intdigest(key, seed=stream) for key in keys], np.uint64)
            copies[unsure] += hashes / np.float64(2**64) < rest[unsure]
        return copies

    def _weight_of(self, ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.float64]:
        asked = _fixed(ids, self._ids.dtype.itemsize)
        places = np.minimum(np.searchsorted(self._ids, asked), len(self._ids) - 1)
        return np.where(self._ids[places] == asked, self._weights[places], 1.0)


def check_names(
    mixing: Mixing, counts: Mapping[str, Mapping[str, object]], names: Iterable[str] = ()
) -> None:
    """Refuse a factor that no document has asked for: it is a misspelt name.

    Args:
        counts: the counts of the training split, with `sources` and `languages`.
        names: further names that are right even though no document has them.

    Raises:
        UserError: a key of `tokenize.by_source` or `tokenize.by_language` names nothing in the corpus.
    """
    for key, factors, kind in (
        ("by_source", mixing.sources, "sources"),
        ("by_language", mixing.languages, "languages"),
    ):
        for name in factors:
            if name not in counts[kind] and name not in names:
                raise UserError(
                    f"params.yaml: tokenize.{key}.{name}: no document of the training split has it. "
                    f"Known here: {', '.join(counts[kind])}."
                )


def _factors(column: pa.Array | pa.ChunkedArray, factors: Mapping[str, float]) -> npt.NDArray[np.float64]:
    if not factors:
        return np.ones(len(column))
    encoded = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = pc.fill_null(encoded, "").dictionary_encode()
    named = ["und" if not name and "und" in factors else name for name in encoded.dictionary.to_pylist()]
    values = np.array([factors.get(name, 1.0) for name in named], np.float64)
    return values[encoded.indices.to_numpy(zero_copy_only=False)]


def _fixed(ids: pa.Array | pa.ChunkedArray, size: int = 0) -> npt.NDArray[np.bytes_]:
    """Ids as bytes of one length, which numpy sorts and compares."""
    longest = max(size, pc.max(pc.binary_length(ids)).as_py() or 1)
    return np.array(ids.cast(pa.binary()).to_pylist(), f"S{longest}")


def _read_weights(
    path: str | os.PathLike[str] | None,
) -> tuple[npt.NDArray[np.bytes_], npt.NDArray[np.float64]]:
    nothing = np.empty(0, "S1"), np.empty(0, np.float64)
    if path is None or not Path(path).exists():
        return nothing
    table = read_table(path, ["id", "weight"])
    if not len(table):
        return nothing
    ids = _fixed(table["id"])
    weights = table["weight"].cast(pa.float64()).to_numpy()
    order = np.argsort(ids, kind="stable")
    ids, weights = ids[order], weights[order]
    twice = np.flatnonzero(ids[1:] == ids[:-1])
    if len(twice):
        raise UserError(f"{path}: expected one weight per document, found two of {ids[twice[0]].decode()}.")
    wrong = np.flatnonzero(~(weights >= 0) | np.isinf(weights))
    if len(wrong):
        raise UserError(
            f"{path}: expected weights of 0 or more, found {weights[wrong[0]]} for {ids[wrong[0]].decode()}."
        )
    return ids, weights
