"""Join what is proved to be similar: the components of verified pairs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from textmill.corpus.minhash import Band
from textmill.corpus.shingle_sets import ShingleSets
from textmill.corpus.shingles import Int64s

_MOST_REJECTED = 5_000_000


def components(keys: npt.NDArray[np.uint64], sets: ShingleSets, threshold: float) -> Int64s:
    """Number the components of texts that are connected by pairs of at least `threshold`.

    Args:
        keys: uint64 of shape (texts, bands); texts that share a key in a column are candidates.
        sets: the texts' shingles.
        threshold: smallest exact Jaccard similarity of a pair.

    Returns:
        int64, one per text, from 0.
    """
    verifier = Verifier(sets, threshold)
    component = np.arange(len(keys))
    for column in range(keys.shape[1]):
        band = Band(keys[:, column])
        component = verifier.join(component, band.neighbours())
        for pairs in band.others(component):
            component = verifier.join(component, pairs)
    return component


class Verifier:
    """Joins the components of candidate pairs that prove similar, and remembers those that do not."""

    def __init__(self, sets: ShingleSets, threshold: float):
        self._sets, self._threshold = sets, threshold
        self._rejected = np.zeros(0, np.int64)

    def join(self, component: Int64s, pairs: npt.NDArray[np.int64]) -> Int64s:
        """The components after the similar ones among `pairs` were joined.

        What is joined already needs no proof, so the components are those of all similar pairs.
        """
        pairs = pairs[component[pairs[:, 0]] != component[pairs[:, 1]]]
        codes = pairs[:, 0] * len(component) + pairs[:, 1]
        fresh = ~_among(codes, self._rejected)
        pairs, codes = pairs[fresh], codes[fresh]
        if not len(pairs):
            return component
        similar = self._sets.jaccard(pairs) >= self._threshold
        if len(self._rejected) < _MOST_REJECTED:
            self._rejected = np.sort(np.concatenate((self._rejected, codes[~similar])))
        return joined(component, pairs[similar])


def _among(values: Int64s, ordered: Int64s) -> npt.NDArray[np.bool_]:
    """Which values occur in `ordered`. (numpy's isin hashes, which took a hundred times as long here.)"""
    if not len(ordered):
        return np.zeros(len(values), bool)
    places = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return ordered[places] == values


def joined(component: Int64s, pairs: npt.NDArray[np.int64]) -> Int64s:
    """The components after the members of each pair were connected."""
    if not len(pairs):
        return component
    count = len(component)
    one, other = component[pairs[:, 0]], component[pairs[:, 1]]
    edges = sparse.coo_array((np.ones(len(pairs), bool), (one, other)), shape=(count, count))
    return sparse.csgraph.connected_components(edges, directed=False)[1][component].astype(np.int64)
