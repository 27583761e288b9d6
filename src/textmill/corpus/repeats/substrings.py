"""Long passages that occur more than once, wherever they begin (Lee et al. 2022, ExactSubstr).

A passage is a run of at least `min_tokens` tokens (words; characters in scripts without spaces) that stands
somewhere else too, in lower case and without what is between tokens. Lee et al. find them with a suffix array
over bytes; here every window of `min_tokens` tokens is hashed, which finds the same passages at the
granularity of tokens, in two readings and with memory for the repeated windows only.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.corpus.repeats.groups import Occurrences, numbered, repeated_hashes, spans_of
from textmill.corpus.repeats.texts import (
    ALONE,
    IN_WORD,
    Bools,
    Int64s,
    RunHashes,
    Texts,
    Uint64s,
    kinds_of,
    lower,
)
from textmill.corpus.shards import read_batches
from textmill.corpus.shingles import slices

RULE = "repeated.substring"
_WINDOWS_PER_FILE = 1 << 23


def repeated_substrings(
    clean: str | os.PathLike[str],
    min_tokens: int,
    scratch: str | os.PathLike[str],
    leave_out: pa.Array | None = None,
    advance: Callable[[int], None] = lambda documents: None,
) -> pa.Table:
    """Every maximal passage of at least `min_tokens` tokens that occurs more than once.

    Memory: one slice of text, 8 bytes for each of about eight million windows at a time, and about 50 bytes
    for each repeated window. Hashes of all windows go to `scratch`, 8 bytes a token.

    Args:
        clean: directory of document shards (columns `id`, `text`); read twice.
        min_tokens: tokens of the shortest passage.
        scratch: directory for temporary data.
        leave_out: ids of documents that will not be kept anyway, such as all but one of a cluster.
        advance: called with the number of documents read.

    Returns:
        A table of schema `SPAN`, by document and start. Passages of one group are equal.
    """
    with _Partitions(scratch, _files_for(clean)) as spilled:
        for _, found in _passes(clean, min_tokens, leave_out, advance):
            spilled.add(found.high)
        repeated = spilled.repeated()
    rows = []
    for ids, found in _passes(clean, min_tokens, leave_out, advance):
        place = np.minimum(np.searchsorted(repeated, found.high), max(len(repeated) - 1, 0))
        hit = repeated[place] == found.high if len(repeated) else np.zeros(len(found.high), bool)
        rows.append((ids, found.at(np.flatnonzero(hit))))
    return spans_of(_passages(rows), RULE)


def _files_for(clean: str | os.PathLike[str]) -> int:
    """How many files the hashes are spread over: a power of two, by the size of the corpus on disk."""
    from textmill.corpus.shards import shard_paths

    # Compressed text takes about as many bytes as it has tokens, give or take a factor of two.
    size = sum(path.stat().st_size for path in shard_paths(clean))
    return 1 << max(size // _WINDOWS_PER_FILE, 1).bit_length()


class _Partitions:
    """Hashes spread over files by their upper bits; equal ones are in the same file."""

    def __init__(self, scratch: str | os.PathLike[str], files: int):
        self._shift = np.uint64(64 - (files.bit_length() - 1))
        self._files: list[IO[bytes]] = [
            tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
            for _ in range(files)
        ]

    def __enter__(self) -> _Partitions:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, hashes: Uint64s) -> None:
        """Spread some hashes."""
        ordered = np.sort(hashes)
        bounds = np.searchsorted(ordered >> self._shift, np.arange(len(self._files) + 1).astype(np.uint64))
        for file, start, stop in zip(self._files, bounds, bounds[1:], strict=False):
            file.write(ordered[start:stop].data)

    def repeated(self) -> Uint64s:
        """The hashes that were added more than once, ascending."""
        found = [np.zeros(0, np.uint64)]
        for file in self._files:
            file.seek(0)
            hashes = np.sort(np.frombuffer(file.read(), np.uint64))
            twice = hashes[1:][hashes[1:] == hashes[:-1]]
            found.append(np.unique(twice))
        return np.concatenate(found)


@dataclass(frozen=True)
class _Windows(Occurrences):
    """Windows of tokens; `place` is the number of each one's first token in its document."""

    place: Int64s

    def at(self, chosen: Int64s | Bools) -> _Windows:
        """Some of them, in order."""
        part = super().at(chosen)
        return _Windows(part.document, part.start, part.end, part.high, part.low, place=self.place[chosen])


def _passes(
    clean: str | os.PathLike[str],
    size: int,
    leave_out: pa.Array | None,
    advance: Callable[[int], None],
) -> Iterator[tuple[pa.Array, _Windows]]:
    for batch in read_batches(clean, ["id", "text"]):
        rows = batch.num_rows
        if leave_out is not None:
            batch = batch.filter(pc.invert(pc.is_in(batch.column("id"), value_set=leave_out)))
        for piece in slices(batch):
            yield piece.column("id"), windows(Texts.of(piece.column("text")), size)
        advance(rows)


def windows(texts: Texts, size: int) -> _Windows:
    """All windows of `size` tokens of a batch."""
    kinds = kinds_of(texts.codes)
    inside = (kinds == IN_WORD) | (kinds == ALONE)
    begins = inside.copy()
    begins[1:] &= (kinds[1:] == ALONE) | (kinds[:-1] != IN_WORD)
    filled = texts.bounds[:-1][np.diff(texts.bounds) > 0]
    begins[filled] = inside[filled]
    starts = np.flatnonzero(begins)
    if len(starts) < size:
        nothing = np.zeros(0, np.int64)
        return _Windows(nothing, nothing, nothing, *(np.zeros(0, np.uint64),) * 2, place=nothing)
    # Where a token begins is part of the value, or "ab c" would equal "a bc".
    values = (lower(texts.codes[inside]).astype(np.uint64) << np.uint64(1)) | begins[inside]
    before = np.concatenate(([0], np.cumsum(inside)))
    ends = np.flatnonzero(inside & np.append(~inside[1:] | begins[1:], True)) + 1
    # A token at the end of a document ends there, whatever the next document begins with.
    document = texts.documents(starts)
    first = np.arange(len(starts) - size + 1)
    first = first[document[first] == document[first + size - 1]]
    begin, end = starts[first], ends[first + size - 1]
    high, low = RunHashes(values).of(before[begin], before[end])
    opening = np.searchsorted(document, document[first])
    base = texts.bounds[document[first]]
    return _Windows(document[first], begin - base, end - base, high, low, place=first - opening)


def _passages(rows: list[tuple[pa.Array, _Windows]]) -> list[tuple[pa.Array, Occurrences]]:
    """Join windows one token apart to passages while their other occurrences go along with them."""
    if not rows:
        return []
    high, low = (np.concatenate([getattr(found, name) for _, found in rows]) for name in ("high", "low"))
    kept = _truly_repeated(high, low)
    sizes = [len(found.high) for _, found in rows]
    cuts = np.cumsum(sizes)[:-1]
    rows = [
        (ids, found.at(np.flatnonzero(part)))
        for (ids, found), part in zip(rows, np.split(kept, cuts), strict=True)
    ]
    group = numbered(high[kept], low[kept])
    place = np.concatenate([found.place for _, found in rows])
    document = np.concatenate([found.document + (number << 32) for number, (_, found) in enumerate(rows)])
    joined = _goes_on(group, document, place)
    bounds = np.cumsum([len(found.high) for _, found in rows])[:-1]
    return [
        (ids, _merge(found, follows))
        for (ids, found), follows in zip(rows, np.split(joined, bounds), strict=True)
    ]


def _truly_repeated(high: Uint64s, low: Uint64s) -> np.ndarray:
    """Which windows share all 128 bits with another: the first 64 alone may agree by chance."""
    repeated, lower_half = repeated_hashes(high, low)
    if not len(repeated):
        return np.zeros(len(high), bool)
    place = np.minimum(np.searchsorted(repeated, high), len(repeated) - 1)
    return (repeated[place] == high) & (lower_half[place] == low)


def _goes_on(group: Int64s, document: Int64s, place: Int64s) -> np.ndarray:
    """Which windows continue the passage of the window before them.

    They do where they are one token further on in the same document, as often repeated, and where the first
    occurrences of the two are one token apart too.
    """
    if not len(group):
        return np.zeros(0, bool)
    count = np.bincount(group)
    first = np.full(len(count), len(group))
    np.minimum.at(first, group, np.arange(len(group)))
    follows = np.zeros(len(group), bool)
    follows[1:] = (document[1:] == document[:-1]) & (place[1:] == place[:-1] + 1)
    follows[1:] &= count[group[1:]] == count[group[:-1]]
    one, other = first[group[1:]], first[group[:-1]]
    follows[1:] &= (document[one] == document[other]) & (place[one] == place[other] + 1)
    return follows


def _merge(found: _Windows, follows: np.ndarray) -> Occurrences:
    opens = np.flatnonzero(~follows)
    closes = np.append(opens[1:], len(follows))[: len(opens)] - 1
    return Occurrences(
        found.document[opens], found.start[opens], found.end[closes], found.high[opens], found.low[opens]
    )
