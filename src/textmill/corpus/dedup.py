"""Clusters of exact and near-duplicates.

Exact: equal text after NFKC, lower case, and each run of white space as one space. Near: connected by pairs
whose shingle sets have a Jaccard similarity of at least the threshold, every pair checked exactly. A cluster
does not depend on the order of the documents or on how they are spread over shards.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from scipy import sparse

from textmill.config.dedup import Dedup
from textmill.corpus.minhash import Band, MinHash
from textmill.corpus.shards import read_batches
from textmill.corpus.shingle_sets import ShingleSets
from textmill.corpus.shingles import Int64s, distinct, ngrams, normalised, slices, tokens

DUPLICATE = pa.schema(
    [
        ("id", pa.string()),
        ("cluster", pa.string()),
        ("representative", pa.string()),
        ("kind", pa.string()),
        ("jaccard", pa.float32()),
        ("identical", pa.string()),
    ]
)
"""A document of a cluster of two or more: `cluster` is the smallest id in it, `representative` its longest
document (the smallest id where two are equally long), `kind` is `exact` where the texts of the two are equal
after normalisation and else `near`, `jaccard` the similarity of the two (a cluster is a chain of similar
pairs, so it may be below the threshold), `identical` the smallest id with the same normalised text."""

_MOST_REJECTED = 5_000_000


def find_duplicates(
    clean: str | os.PathLike[str],
    params: Dedup,
    seed: int,
    scratch: str | os.PathLike[str],
    advance: Callable[[int], None] = lambda documents: None,
) -> pa.Table:
    """Find the duplicates among the documents of a directory of shards.

    Memory is 24 bytes per document and 8 more per band, and one slice of text; the shingle sets go to disk.

    Args:
        clean: directory of document shards (columns `id`, `text`).
        params: what counts as a duplicate.
        seed: chooses the hash functions.
        scratch: directory for temporary data of about one and a half times the size of the text.
        advance: called with the number of documents read: each is read twice, or once without `near`.

    Returns:
        A table of schema `DUPLICATE`, ordered by cluster and id.
    """
    ids, characters, digests = _read_digests(clean, advance)
    text_of, leaders = _exact_classes(digests)
    with ShingleSets(scratch) as sets:
        if params.near:
            component = _near_components(clean, params, seed, leaders, sets, advance)
        else:
            component = np.arange(len(leaders))
        return _clusters(ids, characters, text_of, component[text_of], sets if params.near else None)


def _read_digests(
    clean: str | os.PathLike[str], advance: Callable[[int], None]
) -> tuple[npt.NDArray[np.bytes_], Int64s, npt.NDArray[np.uint64]]:
    ids, characters, digests = [np.zeros(0, "S32")], [np.zeros(0, np.int64)], [np.zeros((0, 2), np.uint64)]
    for batch in read_batches(clean, ["id", "text"]):
        ids.append(np.array(batch.column("id").to_pylist(), "S32"))
        for piece in slices(batch):
            texts = pc.fill_null(piece.column("text"), "")
            characters.append(pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64))
            digests.append(_digests(texts))
        advance(batch.num_rows)
    return np.concatenate(ids), np.concatenate(characters), np.concatenate(digests)


def _digests(texts: pa.Array) -> npt.NDArray[np.uint64]:
    """128-bit hashes of the normalised texts, uint64 of shape (texts, 2)."""
    plain = pc.utf8_trim_whitespace(pc.replace_substring_regex(normalised(texts), r"\s+", " "))
    ends = np.frombuffer(plain.buffers()[1], np.int64)[plain.offset : plain.offset + len(plain) + 1].tolist()
    data = memoryview(plain.buffers()[2] or b"")
    joined = b"".join(xxhash.xxh3_128_digest(data[start:end]) for start, end in pairwise(ends))
    return np.frombuffer(joined, np.uint64).reshape(-1, 2)


def _exact_classes(digests: npt.NDArray[np.uint64]) -> tuple[Int64s, Int64s]:
    """Number the distinct texts by where they are first seen.

    Returns:
        For each document the number of its text, and for each text the document where it is first seen.
    """
    if not len(digests):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    fresh = np.concatenate(([True], (ordered[1:] != ordered[:-1]).any(axis=1)))
    leader = np.empty(len(order), np.int64)
    # lexsort is stable: the first of a run is the document seen first.
    leader[order] = order[fresh][np.cumsum(fresh) - 1]
    leaders, text_of = np.unique(leader, return_inverse=True)
    return text_of, leaders


def _near_components(
    clean: str | os.PathLike[str],
    params: Dedup,
    seed: int,
    leaders: Int64s,
    sets: ShingleSets,
    advance: Callable[[int], None],
) -> Int64s:
    """Number the clusters of distinct texts: the components connected by verified pairs."""
    keys = np.zeros((len(leaders), params.bands), np.uint64)
    sketch = MinHash(params.bands, params.rows, seed)
    document, text = 0, 0
    for batch in read_batches(clean, ["id", "text"]):
        first = np.searchsorted(leaders, document)
        last = np.searchsorted(leaders, document + batch.num_rows)
        for piece in slices(batch.take(pa.array(leaders[first:last] - document))):
            hashes, offsets = distinct(ngrams(tokens(piece.column("text")), params.shingle, shorter=True))
            sets.append(hashes, offsets)
            keys[text : text + piece.num_rows] = sketch.band_keys(hashes, offsets)
            text += piece.num_rows
        document += batch.num_rows
        advance(batch.num_rows)
    sets.seal()
    return _components(keys, sets, params.threshold)


def _components(keys: npt.NDArray[np.uint64], sets: ShingleSets, threshold: float) -> Int64s:
    verifier = _Verifier(sets, threshold)
    component = np.arange(len(keys))
    for column in range(keys.shape[1]):
        band = Band(keys[:, column])
        component = verifier.join(component, band.neighbours())
        for pairs in band.others(component):
            component = verifier.join(component, pairs)
    return component


class _Verifier:
    """Joins the components of candidate pairs that prove similar, and remembers those that do not."""

    def __init__(self, sets: ShingleSets, threshold: float):
        self._sets, self._threshold = sets, threshold
        self._sizes = sets.sizes
        self._rejected = np.zeros(0, np.int64)

    def join(self, component: Int64s, pairs: npt.NDArray[np.int64]) -> Int64s:
        """The components after the similar ones among `pairs` were joined.

        What is joined already needs no proof, so the components are those of all similar pairs.
        """
        pairs = pairs[component[pairs[:, 0]] != component[pairs[:, 1]]]
        # Of two sets, the smaller over the larger bounds their similarity.
        sizes = np.sort(self._sizes[pairs], axis=1)
        pairs = pairs[sizes[:, 0] >= self._threshold * sizes[:, 1]]
        codes = pairs[:, 0] * len(component) + pairs[:, 1]
        fresh = ~_among(codes, self._rejected)
        pairs, codes = pairs[fresh], codes[fresh]
        if not len(pairs):
            return component
        similar = self._sets.jaccard(pairs) >= self._threshold
        if len(self._rejected) < _MOST_REJECTED:
            self._rejected = np.sort(np.concatenate((self._rejected, codes[~similar])))
        return _joined(component, pairs[similar])


def _among(values: Int64s, ordered: Int64s) -> npt.NDArray[np.bool_]:
    """Which values occur in `ordered`. (numpy's isin hashes, which took a hundred times as long here.)"""
    if not len(ordered):
        return np.zeros(len(values), bool)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return ordered[places] == values


def _joined(component: Int64s, pairs: npt.NDArray[np.int64]) -> Int64s:
    """The components after the members of each pair were connected."""
    if not len(pairs):
        return component
    count = len(component)
    one, other = component[pairs[:, 0]], component[pairs[:, 1]]
    edges = sparse.coo_array((np.ones(len(pairs), bool), (one, other)), shape=(count, count))
    return sparse.csgraph.connected_components(edges, directed=False)[1][component].astype(np.int64)


def _clusters(
    ids: npt.NDArray[np.bytes_],
    characters: Int64s,
    text_of: Int64s,
    component: Int64s,
    sets: ShingleSets | None,
) -> pa.Table:
    """One row per document whose component has two documents or more."""
    if not len(ids):
        return DUPLICATE.empty_table()
    rank = np.empty(len(ids), np.int64)
    rank[np.argsort(ids)] = np.arange(len(ids))
    smallest = _least(component, rank)
    identical = _least(text_of, rank)
    members = np.flatnonzero(np.bincount(component)[component] > 1)
    members = members[np.lexsort((rank[members], rank[smallest[members]]))]
    representative = _least(component, np.lexsort((rank, -characters)).argsort())[members]
    same = text_of[members] == text_of[representative]
    jaccard = np.ones(len(members))
    if sets is not None and not same.all():
        near = np.flatnonzero(~same)
        jaccard[near] = sets.jaccard(
            np.stack((text_of[members[near]], text_of[representative[near]]), axis=1)
        )
    return pa.table(
        [
            _strings(ids[members]),
            _strings(ids[smallest[members]]),
            _strings(ids[representative]),
            pa.array(np.where(same, "exact", "near").tolist(), pa.string()),
            pa.array(jaccard, pa.float32()),
            _strings(ids[identical[members]]),
        ],
        schema=DUPLICATE,
    )


def _least(groups: Int64s, preference: Int64s) -> Int64s:
    """For each element, the element of its group with the smallest preference (all preferences differ)."""
    order = np.argsort(preference)
    least = np.full(int(groups.max()) + 1, len(groups))
    np.minimum.at(least, groups, preference)
    return order[least[groups]]


def _strings(values: npt.NDArray[np.bytes_]) -> pa.Array:
    return pa.array(values.tolist(), pa.binary()).cast(pa.string())
