"""The true duplicates of a corpus: all pairs of at least a Jaccard similarity, none missed, none guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy import sparse

from benchmarks.dedup_peers import clustered, shingles
from textmill.corpus.shards import shard_paths

_ROWS = 2000


def true_members(folder: str, threshold: float = 0.8) -> bytes:
    """The documents that a chain of similar or equal ones connects with another, as packed bits.

    Candidates by prefix filtering (Bayardo, Ma and Srikant 2007; Xiao et al. 2008): two sets of similarity t
    share one of the n - ⌈t n⌉ + 1 rarest elements of each, so no pair is missed; each is then counted out.
    Shingles are Python strings, told apart by Python's own 64-bit hash: nothing here is shared with textmill.
    """
    sets: dict[bytes, int] = {}
    plain: dict[str, int] = {}
    rows: list[npt.NDArray[np.int64]] = []
    equal: list[tuple[int, int]] = []
    first: list[int] = []
    count = 0
    for path in shard_paths(folder):
        for text in pq.read_table(path, columns=["text"])["text"].to_pylist():
            normal = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).lower()).strip()
            if (other := plain.setdefault(normal, count)) != count:
                equal.append((other, count))
            elif found := shingles(text):
                row = np.sort(np.fromiter(map(hash, found), np.int64, len(found)))
                number = sets.setdefault(row.tobytes(), len(rows))
                if number == len(rows):
                    rows.append(row)
                    first.append(count)
                else:
                    equal.append((first[number], count))
            count += 1
    near = [(first[one], first[other]) for pairs in _similar(rows, threshold) for one, other in pairs]
    return clustered(count, equal + near)


def _similar(rows: list[npt.NDArray[np.int64]], threshold: float) -> Iterator[list[list[int]]]:
    sizes = np.array([len(row) for row in rows])
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    _, columns, frequency = np.unique(np.concatenate(rows), return_inverse=True, return_counts=True)
    rank = np.empty(len(frequency), np.int64)
    rank[np.argsort(frequency, kind="stable")] = np.arange(len(frequency))
    matrix = sparse.csr_array((np.ones(len(columns), np.int32), rank[columns], bounds))
    matrix.sort_indices()
    place = np.arange(bounds[-1]) - np.repeat(bounds[:-1], sizes)
    rare = place < np.repeat(sizes - np.ceil(threshold * sizes - 1e-9).astype(int) + 1, sizes)
    kept = np.concatenate(([0], np.cumsum(np.add.reduceat(rare.astype(np.int64), bounds[:-1]))))
    prefixes = sparse.csr_array(
        (np.ones(int(rare.sum()), np.int32), matrix.indices[rare], kept), shape=matrix.shape
    )
    columnwise = prefixes.T.tocsr()
    for start in range(0, len(rows), _ROWS):
        found = (prefixes[start : start + _ROWS] @ columnwise).tocoo()
        one, other = found.row + start, found.col
        fits = (one < other) & (
            np.minimum(sizes[one], sizes[other]) >= threshold * np.maximum(sizes[one], sizes[other]) - 1e-9
        )
        one, other = one[fits], other[fits]
        for block in range(0, len(one), 20_000):
            left, right = one[block : block + 20_000], other[block : block + 20_000]
            shared = np.asarray(matrix[left].multiply(matrix[right]).sum(axis=1)).ravel()
            similar = shared / (sizes[left] + sizes[right] - shared) >= threshold
            yield np.stack((left[similar], right[similar]), axis=1).tolist()
