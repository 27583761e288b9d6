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

_NOT_LETTERS = re.compile(r"[\W\d_]+")


def likeness_key(text: str) -> str:
    """The letters of the text, in NFKC and folded case: case, digits and signs make no difference.

    A text without letters is its own key.
    """
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold()) or text


def groups(texts: list[str], threshold: float, seed: int) -> npt.NDArray[np.int64]:
    """Number the groups of texts that are equal by `likeness_key` or near-duplicates.

    Args:
        texts: the inputs of the rows.
        threshold: smallest Jaccard similarity (of 5-grams of tokens) of near-duplicates; groups are chains of
            such pairs.
        seed: chooses the hash functions that find candidates; each is then checked exactly.

    Returns:
        int64 of the length of `texts`; groups are numbered from 0 without gaps.
    """
    count = len(texts)
    keys: dict[str, int] = {}
    parts = [np.array([keys.setdefault(likeness_key(text), len(keys)) for text in texts])]
    parts.append(_near(texts, threshold, seed))
    # A row is connected to its key and to its cluster; rows that share either are in one component.
    columns = np.concatenate([parts[0], parts[1] + len(keys)]) + count
    size = int(columns.max()) + 1
    rows = np.tile(np.arange(count), 2)
    edges = sparse.coo_matrix((np.ones(2 * count, np.int8), (rows, columns)), shape=(size, size))
    _, labels = sparse.csgraph.connected_components(edges, directed=False)
    return np.unique(labels[:count], return_inverse=True)[1].astype(np.int64)


def _near(texts: list[str], threshold: float, seed: int) -> npt.NDArray[np.int64]:
    """A cluster number for each text; a text without near-duplicates has one of its own."""
    names = [f"{index:032x}" for index in range(len(texts))]
    with tempfile.TemporaryDirectory(prefix="textmill-") as folder:
        shards = Path(folder) / "shards"
        table = pa.table({"id": pa.array(names), "text": pa.array(texts, pa.large_string())})
        write_table(shards / shard_name(0), table)
        params = Dedup(near=True, threshold=threshold, bands=BANDS, rows=ROWS)
        found = find_duplicates(shards, params, seed, folder)
    numbers = np.arange(len(texts))
    for name, cluster in zip(found["id"].to_pylist(), found["cluster"].to_pylist(), strict=True):
        numbers[int(name, 16)] = int(cluster, 16)
    return numbers
