"""What selection knows of each document: no text, a few numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.shards import read_schema, read_table, shard_paths
from textmill.errors import UserError

KEPT = -1


@dataclass(frozen=True)
class Verdict:
    """A rule that dropped documents: its name, the stage whose finding it is, what kept documents satisfy."""

    rule: str
    stage: str
    threshold: str


@dataclass
class Catalogue:
    """All documents in order, and what has been decided of them so far.

    Attributes:
        ids: bytes, 32 hex digits each.
        source, lang: int64, indices into `sources` and `langs`.
        characters: int64.
        verdict: int32, an index into `verdicts`, or KEPT.
        value: float64, what the rule found; NaN where that is no number.
        matched: for dropped documents that match another one or an evaluation row, their numbers and its ids.
        sources, langs: names, in the order in which they are first seen.
        verdicts: in the order in which rules were applied.
    """

    ids: npt.NDArray[np.bytes_]
    source: npt.NDArray[np.int64]
    lang: npt.NDArray[np.int64]
    characters: npt.NDArray[np.int64]
    sources: list[str]
    langs: list[str]
    verdict: npt.NDArray[np.int32] = field(init=False)
    value: npt.NDArray[np.float64] = field(init=False)
    matched: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.bytes_]]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.verdict = np.full(len(self.ids), KEPT, np.int32)
        self.value = np.full(len(self.ids), np.nan)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return sorted_places(self.ids)

    @cached_property
    def rank(self) -> npt.NDArray[np.int64]:
        """The place of each document's id among all ids in ascending order."""
        rank = np.empty(len(self), np.int64)
        rank[self._order] = np.arange(len(self))
        return rank

    def undecided(self) -> Catalogue:
        """The same documents with nothing decided; what is known of them is shared, not copied."""
        fresh = Catalogue(self.ids, self.source, self.lang, self.characters, self.sources, self.langs)
        fresh.__dict__.update({"_order": self._order, "rank": self.rank})
        return fresh

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        """Which documents no rule has dropped so far."""
        return self.verdict == KEPT

    def drop(
        self,
        documents: npt.NDArray[np.int64],
        verdict: Verdict,
        values: npt.NDArray[np.float64] | None = None,
        matched: npt.NDArray[np.bytes_] | None = None,
    ) -> None:
        """Drop those of `documents` that are still kept; `values` and `matched` go with them one by one."""
        chosen = self.kept[documents]
        if not chosen.any():
            return
        if verdict not in self.verdicts:
            self.verdicts.append(verdict)
        dropped = documents[chosen]
        self.verdict[dropped] = self.verdicts.index(verdict)
        if values is not None:
            self.value[dropped] = values[chosen]
        if matched is not None:
            self.matched.append((dropped, matched[chosen]))

    def find(self, ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
        """The document of each id, or -1."""
        wanted = hex_ids(ids)
        if not len(self):
            return np.full(len(wanted), -1)
        places = np.searchsorted(self.ids, wanted, sorter=self._order)
        found = self._order[np.minimum(places, len(self) - 1)]
        return np.where(self.ids[found] == wanted, found, -1)


def hex_ids(ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bytes_]:
    """Ids as numpy strings of 32 bytes."""
    array = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    array = array.cast(pa.large_binary())
    if not len(array) or array.null_count or not pc.all(pc.equal(pc.binary_length(array), 32)).as_py():
        return np.array(array.to_pylist(), "S32")
    _, offsets, data = array.buffers()
    start = int(np.frombuffer(offsets, np.int64, 1, array.offset * 8)[0])
    return np.frombuffer(data, "S32", len(array), start)


def id_strings(ids: npt.NDArray[np.bytes_], present: npt.NDArray[np.bool_] | None = None) -> pa.StringArray:
    """Ids of 32 bytes as Arrow strings, without a Python object for each; null where not `present`."""
    lengths = np.full(len(ids), 32, np.int64) if present is None else np.where(present, 32, 0)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    data = (ids if present is None else ids[present]).tobytes()
    strings = pa.LargeStringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(data))
    if present is not None:
        strings = pc.if_else(pa.array(present), strings, None)
    return strings.cast(pa.string())


def sorted_places(ids: npt.NDArray[np.bytes_]) -> npt.NDArray[np.int64]:
    """The order that sorts ids of 32 bytes; 16 tell most of them apart, compared as two numbers."""
    words = np.ascontiguousarray(ids).view(">u8").reshape(len(ids), 4).astype(np.uint64)
    order = np.lexsort((words[:, 1], words[:, 0]))
    first = words[order]
    if len(ids) > 1 and (first[1:, :2] == first[:-1, :2]).all(axis=1).any():
        order = np.lexsort(words.T[::-1])
    return order


def aligned_shards(
    clean: str | os.PathLike[str], signals: str | os.PathLike[str], columns: Sequence[str] | None = None
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield each shard of documents (`id`, `source`, `lang`) with its shard of signals.

    The counts of personal data that clean leaves beside the text (`pii_TYPE`) are signals too, and so are the
    scores of the quality stage, in the directory `quality` beside the signals.

    Args:
        clean, signals: the two directories.
        columns: the signals to read beside `id`; all by default. Those a shard lacks are left out.

    Raises:
        UserError: the two directories do not hold the same documents in the same shards.
    """
    one, other = shard_paths(clean), shard_paths(signals)
    if [path.name for path in one] != [path.name for path in other]:
        raise UserError(
            f"{signals}: expected one shard for each of the {len(one)} in {clean}, found {len(other)}. "
            "Run annotate again."
        )
    for documents, found in zip(one, other, strict=True):
        counts = [name for name in counts_of(documents) if columns is None or name in columns]
        table = read_table(documents, ["id", "source", "lang", *counts])
        values = read_table(found, _present(found, columns))
        if "id" not in values.column_names or not table["id"].equals(values["id"].cast(pa.string())):
            raise UserError(
                f"{found}: expected the documents of {documents} in the same order, found others. "
                "Run annotate again."
            )
        for name in counts:
            values = values.append_column(name, table[name])
        yield table, _with_scores(documents, table["id"], values, Path(signals).parent / "quality", columns)


def scores_of(quality: Path) -> list[str]:
    """The scores of the quality stage, a column each; none where it is off."""
    shards = sorted(quality.glob("part-*.parquet"))
    return [name for name in read_schema(shards[0]).names if name != "id"] if shards else []


def _with_scores(
    documents: Path, ids: pa.ChunkedArray, values: pa.Table, quality: Path, columns: Sequence[str] | None
) -> pa.Table:
    wanted = [name for name in scores_of(quality) if columns is None or name in columns]
    if not wanted:
        return values
    path = quality / documents.name
    scores = read_table(path, ["id", *wanted])
    if not ids.equals(scores["id"].cast(pa.string())):
        raise UserError(
            f"{path}: expected the documents of {documents} in the same order, found others. "
            "Run quality again."
        )
    for name in wanted:
        values = values.append_column(name, scores[name])
    return values


def counts_of(path: Path) -> list[str]:
    """The counts of personal data that a shard of documents has beside the text."""
    return [name for name in read_schema(path).names if name.startswith("pii_")]


def _present(path: Path, columns: Sequence[str] | None) -> list[str] | None:
    if columns is None:
        return None
    names = read_schema(path).names
    return [name for name in dict.fromkeys(["id", *columns]) if name in names]


class CatalogueBuilder:
    """Collects the shards of a catalogue."""

    def __init__(self) -> None:
        self._columns: list[tuple[np.ndarray, ...]] = []
        self._sources: dict[str, int] = {}
        self._langs: dict[str, int] = {}

    def add(self, documents: pa.Table, characters: npt.NDArray[np.int64]) -> tuple[np.ndarray, np.ndarray]:
        """Add a shard; returns its source and language indices."""
        source, lang = _codes(documents["source"], self._sources), _codes(documents["lang"], self._langs)
        self._columns.append((hex_ids(documents["id"]), source, lang, characters))
        return source, lang

    @property
    def sources(self) -> list[str]:
        """Source names by index."""
        return list(self._sources)

    @property
    def langs(self) -> list[str]:
        """Languages by index."""
        return list(self._langs)

    def build(self) -> Catalogue:
        """The catalogue of all shards added."""
        ids, source, lang, characters = (
            np.concatenate(column) for column in zip(*self._columns, strict=True)
        )
        return Catalogue(ids, source, lang, characters, self.sources, self.langs)


def _codes(names: pa.ChunkedArray, known: dict[str, int]) -> npt.NDArray[np.int64]:
    encoded = pc.fill_null(names, "").combine_chunks().dictionary_encode()
    codes = [known.setdefault(name, len(known)) for name in encoded.dictionary.to_pylist()]
    return np.array(codes, np.int64)[encoded.indices.to_numpy(zero_copy_only=False)]
