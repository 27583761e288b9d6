"""What is known of a shard's documents: digests, band keys and shingles. It depends on that shard alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.dedup import Dedup
from textmill.corpus.code_points import characters, text_digests
from textmill.corpus.minhash import MinHash
from textmill.corpus.shards import read_table
from textmill.corpus.shingles import Int64s, Uint64s, ngrams, slices, tokens_of

Append = Callable[[Uint64s], None]


@dataclass(frozen=True)
class Analysis:
    """The documents of a shard and their distinct texts, numbered as they are first seen.

    Attributes:
        ids: bytes of 32, one per document.
        characters: int64, code points per document.
        text: int64, the number of each document's text.
        digests: uint64 of shape (texts, 2), 128-bit hashes of the normalised texts.
        sizes: int64, shingles per text, repetitions included.
        keys: uint64 of shape (texts, bands), no band without `near`; None where they are kept sorted.
    """

    ids: npt.NDArray[np.bytes_]
    characters: Int64s
    text: Int64s
    digests: Uint64s
    sizes: Int64s
    keys: Uint64s | None


def analyse(
    path: Path, params: Dedup, seed: int, append: Append, advance: Callable[[int], None] = lambda rows: None
) -> Analysis:
    """Read a shard once and analyse it.

    Args:
        path: a shard of documents (columns `id`, `text`).
        params: shingle size, bands and rows.
        seed: chooses the hash functions.
        append: called with the shingle hashes of the texts, in order, uint64.
        advance: called with the number of documents done.

    Raises:
        UserError: the shard is missing, damaged or lacks a column.
    """
    return analyse_table(read_table(path, ["id", "text"]), params, seed, append, advance)


def analyse_table(
    table: pa.Table,
    params: Dedup,
    seed: int,
    append: Append,
    advance: Callable[[int], None] = lambda rows: None,
) -> Analysis:
    """As `analyse`, of documents in memory (columns `id`, `text`)."""
    sketch = MinHash(params.bands if params.near else 0, params.rows, seed)
    numbers: dict[bytes, int] = {}
    text: list[int] = []
    keys, sizes = [np.zeros((0, sketch.bands), np.uint64)], [np.zeros(0, np.int64)]
    lengths = [np.zeros(0, np.int64)]
    for batch in table.to_batches(max_chunksize=4096):
        for piece in slices(batch):
            texts = pc.fill_null(piece.column("text"), "")
            lengths.append(pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64))
            found = characters(texts)
            known = len(numbers)
            here = [numbers.setdefault(digest, len(numbers)) for digest in text_digests(found)]
            text += here
            if not params.near or len(numbers) == known:
                continue
            # A text is new where its number is larger than all before it.
            highest = np.maximum.accumulate(np.concatenate(([known - 1], here)))
            grams = ngrams(tokens_of(found.of(highest[1:] > highest[:-1])), params.shingle, shorter=True)
            append(grams.hashes)
            sizes.append(np.diff(grams.offsets))
            keys.append(sketch.band_keys(grams.hashes, grams.offsets))
        advance(batch.num_rows)
    return Analysis(
        ids=id_bytes(table["id"]),
        characters=np.concatenate(lengths),
        text=np.array(text, np.int64),
        digests=np.frombuffer(b"".join(numbers), np.uint64).reshape(-1, 2),
        sizes=np.concatenate(sizes) if params.near else np.zeros(len(numbers), np.int64),
        keys=np.concatenate(keys) if params.near else np.zeros((len(numbers), 0), np.uint64),
    )


def id_bytes(ids: pa.ChunkedArray) -> npt.NDArray[np.bytes_]:
    """Document ids as bytes of 32."""
    return np.array(ids.to_pylist(), "S32")
