"""Which rows are so alike that they must stay in one split."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from textmill.config.dedup import Dedup
from textmill.corpus.dedup import find_duplicates
from textmill.corpus.shards import shard_name, write_table

BANDS, ROWS = 32, 4
"""Of the locality-sensitive hash: a pair of Jaccard similarity 0.6 is found with probability 0.99."""

WORDS, CHARACTERS = 5, 3
"""Sizes of the n-grams that texts are compared by."""

SHORT = 20
"""Texts of fewer words are also compared by characters."""

_NOT_LETTERS = re.compile(r"[\W\d_]+")


def likeness_key(text: str) -> str:
    """The letters of the text, in NFKC and folded case: case, digits and signs make no difference.

    A text without letters is its own key.
    """
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold()) or text


def groups(
    texts: list[str],
    threshold: float,
    seed: int,
    targets: list[str] | None = None,
    together: list[str] | None = None,
) -> npt.NDArray[np.int64]:
    """Number the groups of rows that are alike.

    Rows are alike when their inputs are equal by `likeness_key` or near-duplicates, and when their `targets`
    are equal by it. Texts of a few words have too few 5-grams of words to tell alike from unlike, so short
    texts are also compared by 3-grams of characters; groups are chains of such pairs.

    Args:
        texts: the inputs of the rows.
        threshold: smallest Jaccard similarity of near-duplicates.
        seed: chooses the hash functions that find candidates; each is then checked exactly.
        targets: the texts to be produced, if equal ones must stay together too.
        together: names of what rows belong to; those of an equal name stay together, an empty one is none.

    Returns:
        int64 of the length of `texts`; groups are numbered from 0 without gaps.
    """
    short = [_in_characters(text) if len(text.split()) < SHORT else "" for text in texts]
    parts = [
        _numbers([likeness_key(text) for text in texts]),
        _near(texts, WORDS, threshold, seed),
        _near(short, CHARACTERS, threshold, seed),
    ]
    if targets is not None:
        parts.append(_numbers([likeness_key(text) for text in targets]))
    if together is not None and any(together):
        parts.append(_numbers([name or f"\0{place}" for place, name in enumerate(together)]))
    return _components(parts)


def _in_characters(text: str) -> str:
    return " ".join(likeness_key(text))


def _numbers(keys: list[str]) -> npt.NDArray[np.int64]:
    known: dict[str, int] = {}
    return np.array([known.setdefault(key, len(known)) for key in keys], np.int64)


def _components(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Join rows that share a number in any part."""
    count = len(parts[0])
    # A row is connected to its number in each part; rows that share one are in one component.
    columns, size = [], count
    for part in parts:
        columns.append(part + size)
        size += int(part.max(initial=0)) + 1
    rows = np.tile(np.arange(count), len(parts))
    ones = np.ones(len(rows), np.int8)
    edges = sparse.coo_matrix((ones, (rows, np.concatenate(columns))), shape=(size, size))
    _, labels = sparse.csgraph.connected_components(edges, directed=False)
    return np.unique(labels[:count], return_inverse=True)[1].astype(np.int64)


def _near(texts: list[str], shingle: int, threshold: float, seed: int) -> npt.NDArray[np.int64]:
    """A cluster number for each text; an empty text, and one without near-duplicates, has one of its own."""
    names = [f"{index:032x}" for index in range(len(texts))]
    with tempfile.TemporaryDirectory(prefix="textmill-") as folder:
        shards = Path(folder) / "shards"
        table = pa.table({"id": pa.array(names), "text": pa.array(texts, pa.large_string())})
        write_table(shards / shard_name(0), table)
        params = Dedup(near=True, shingle=shingle, threshold=threshold, bands=BANDS, rows=ROWS)
        found = find_duplicates(shards, params, seed, folder)
    numbers = np.arange(len(texts))
    for name, cluster in zip(found["id"].to_pylist(), found["cluster"].to_pylist(), strict=True):
        if texts[int(name, 16)]:
            numbers[int(name, 16)] = int(cluster, 16)
    return numbers
