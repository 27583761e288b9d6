"""Which texts are equal, and which are connected by verified pairs: all at once, or some added to others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from textmill.corpus.dedup.entries import Entry, Sorted
from textmill.corpus.minhash import NO_KEY, Band
from textmill.corpus.shingle_sets import ShingleSets, ranges
from textmill.corpus.shingles import Int64s, Uint64s

_MOST_REJECTED = 5_000_000
_PAIRS_AT_ONCE = 200_000
_PAIRS_TOGETHER = 4096


@dataclass(frozen=True)
class Clustering:
    """What is known of the texts of some entries, one entry after the other.

    Attributes:
        text: int64, for each text of each entry the number of its distinct text, by where it is first seen.
        component: int64, for each distinct text the number of its component.
    """

    text: Int64s
    component: Int64s

    @property
    def leaders(self) -> Int64s:
        """For each distinct text where it is first seen."""
        leaders = np.empty(len(self.component), np.int64)
        leaders[self.text[::-1]] = np.arange(len(self.text))[::-1]
        return leaders


def clustering_of(entries: Sequence[Entry], threshold: float) -> Clustering:
    """Cluster the texts of all entries.

    Args:
        entries: in any order, which changes nothing but the numbers.
        threshold: smallest exact Jaccard similarity of a pair that connects.
    """
    text = numbered(np.concatenate([entry.found.digests for entry in entries]))
    whole = Clustering(text, np.arange(int(text.max(initial=-1)) + 1))
    leaders = whole.leaders
    keys = np.concatenate([entry.keys() for entry in entries])[leaders]
    verifier = Verifier(sets_of(entries, leaders), threshold)
    return Clustering(text, _connected(keys, verifier, whole.component))


def extended(known: Clustering, old: Sequence[Entry], new: Sequence[Entry], threshold: float) -> Clustering:
    """The clustering of `old` and then `new` entries, given that of the old: the work is that of the new."""
    digests = np.concatenate([entry.found.digests for entry in new])
    fresh = numbered(digests)
    first = np.unique(fresh, return_index=True)[1]
    number = _find_digests(known, old, digests[first])
    unknown = np.flatnonzero(number < 0)
    number[unknown] = len(known.component) + np.arange(len(unknown))
    text = np.concatenate((known.text, number[fresh]))
    component = np.concatenate((known.component, number[unknown]))
    whole = Clustering(text, component)
    keys = np.concatenate([entry.keys() for entry in new])[first[unknown]]
    verifier = Verifier(sets_of([*old, *new], whole.leaders), threshold)
    between = _between(known, old, keys, len(known.component))
    component = _connected(keys, verifier, component, len(known.component), between)
    return Clustering(text, component)


def numbered(digests: Uint64s) -> Int64s:
    """The number of each digest (uint64, two per row), by where it is first seen."""
    if not len(digests):
        return np.zeros(0, np.int64)
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    ordered = digests[order]
    fresh = np.concatenate(([True], (ordered[1:] != ordered[:-1]).any(axis=1)))
    leader = np.empty(len(order), np.int64)
    # lexsort is stable: the first of a run is the one seen first.
    leader[order] = order[fresh][np.cumsum(fresh) - 1]
    is_first = leader == np.arange(len(order))
    return (np.cumsum(is_first) - 1)[leader]


def _find_digests(known: Clustering, old: Sequence[Entry], digests: Uint64s) -> Int64s:
    """The number of the distinct text of each digest, or -1."""
    number = np.full(len(digests), -1)
    start = 0
    for entry in old:
        if entry.texts:
            held, order = entry.found.digests, _sorted(entry).digest_order
            places = np.searchsorted(held[order, 0], digests[:, 0])
            at = order[np.minimum(places, entry.texts - 1)]
            equal = (held[at] == digests).all(axis=1)
            number[equal] = known.text[start + at[equal]]
        start += entry.texts
    return number


def sets_of(entries: Sequence[Entry], chosen: Int64s) -> ShingleSets:
    """The shingles of chosen texts, int64, ascending; the entries' texts are numbered one after the other."""
    bounds = np.cumsum([0, *(entry.texts for entry in entries)])
    begin = np.concatenate([entry.begin for entry in entries])
    sizes = np.concatenate([entry.found.sizes for entry in entries])
    file = np.searchsorted(bounds, chosen, side="right") - 1
    return ShingleSets([entry.shingles for entry in entries], file, begin[chosen], sizes[chosen])


def _sorted(entry: Entry) -> Sorted:
    assert entry.sorted is not None
    return entry.sorted


def _connected(
    keys: Uint64s,
    verifier: Verifier,
    component: Int64s,
    base: int = 0,
    more: Iterable[npt.NDArray[np.int64]] = (),
) -> Int64s:
    """The components after those of texts `base` and up that are similar were joined, and pairs of `more`."""
    bands = [Band(keys[:, column]) for column in range(keys.shape[1])]
    for pairs in in_batches(chain((band.neighbours() + base for band in bands), more)):
        component = verifier.join(component, pairs)
    # Each band begins with the components as they are then.
    for pairs in in_batches(pairs + base for band in bands for pairs in band.others(component[base:])):
        component = verifier.join(component, pairs)
    return component


def _between(
    known: Clustering, old: Sequence[Entry], keys: Uint64s, base: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Pairs of an old and a new text that share a key; first one old text for each, then the others."""
    usable = np.flatnonzero((keys != NO_KEY).any(axis=1))
    # Neighbouring lookups touch the same pages when they are in order.
    new = usable[np.argsort(keys[usable], axis=0)].T
    wanted = np.ascontiguousarray(np.take_along_axis(keys.T, new, axis=1))
    further, start = [], 0
    for entry in old if len(usable) else ():
        if entry.texts:
            texts = known.text[start : start + entry.texts]
            left, right, found = (np.concatenate(part) for part in _lookups(_sorted(entry), wanted, new))
            order = _sorted(entry).key_order.reshape(-1)
            yield np.stack((texts[order[left]], found + base), axis=1)
            more = right > left + 1
            further.append((texts, order, left[more] + 1, right[more], found[more] + base))
        start += entry.texts
    for texts, order, left, right, found in further:
        for block in _blocks(right - left):
            counts = (right - left)[block]
            at = order[ranges(left[block], counts)]
            yield np.stack((texts[at], np.repeat(found[block], counts)), axis=1)


def _lookups(order: Sorted, wanted: Uint64s, new: Int64s) -> tuple[list[Int64s], list[Int64s], list[Int64s]]:
    """Where in all bands together the keys of each hit begin and end, and the new text that it is of."""
    left, right, found = [], [], []
    for band, held in enumerate(order.keys):
        start = np.searchsorted(held, wanted[band])
        hit = np.flatnonzero(held[np.minimum(start, len(held) - 1)] == wanted[band])
        left.append(start[hit] + band * len(held))
        right.append(np.searchsorted(held, wanted[band, hit], side="right") + band * len(held))
        found.append(new[band, hit])
    return left, right, found


def in_batches(blocks: Iterable[npt.NDArray[np.int64]]) -> Iterator[npt.NDArray[np.int64]]:
    """The pairs of small blocks together, so that what one join costs is shared."""
    waiting: list[npt.NDArray[np.int64]] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= _PAIRS_TOGETHER:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _blocks(counts: Int64s) -> Iterator[slice]:
    """Runs of elements whose counts sum up to a bounded number, one element at least."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, before + _PAIRS_AT_ONCE, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


class Verifier:
    """Joins the components of candidate pairs that prove similar, and remembers those that do not."""

    def __init__(self, sets: ShingleSets, threshold: float):
        self._sets, self._threshold = sets, threshold
        self._rejected = np.zeros(0, np.int64)

    def join(self, component: Int64s, pairs: npt.NDArray[np.int64]) -> Int64s:
        """The components after the similar ones among `pairs` were joined.

        What is joined already needs no proof, so the components are those of all similar pairs. Most pairs
        between two components prove similar: one of each goes first, and seldom leaves others to be proved.
        """
        pairs = pairs[component[pairs[:, 0]] != component[pairs[:, 1]]]
        codes = np.unique(pairs[:, 0] * len(component) + pairs[:, 1])
        codes = codes[~_among(codes, self._rejected)]
        ends = np.sort(component[_pairs(codes, len(component))], axis=1)
        first = np.unique(ends[:, 0] * len(component) + ends[:, 1], return_index=True)[1]
        others = np.delete(codes, first)
        component = self._joined(component, codes[first])
        return self._joined(component, others)

    def _joined(self, component: Int64s, codes: Int64s) -> Int64s:
        pairs = _pairs(codes, len(component))
        apart = component[pairs[:, 0]] != component[pairs[:, 1]]
        codes, pairs = codes[apart], pairs[apart]
        if not len(codes):
            return component
        similar = self._sets.jaccard(pairs) >= self._threshold
        if len(self._rejected) < _MOST_REJECTED:
            self._rejected = np.sort(np.concatenate((self._rejected, codes[~similar])))
        return joined(component, pairs[similar])


def _pairs(codes: Int64s, texts: int) -> npt.NDArray[np.int64]:
    """The pairs of texts that ``first * texts + second`` stands for, int64 of shape (pairs, 2)."""
    return np.stack(np.divmod(codes, max(texts, 1)), axis=1)


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
    # A third of what a process that only analyses shards would import.
    from scipy import sparse

    joined, ends = np.unique(component[pairs], return_inverse=True)
    one, other = ends.reshape(-1, 2).T
    edges = sparse.coo_array((np.ones(len(pairs), bool), (one, other)), shape=(len(joined), len(joined)))
    group = sparse.csgraph.connected_components(edges, directed=False)[1]
    number = np.arange(len(component))
    number[joined] = joined[np.unique(group, return_index=True)[1]][group]
    return number[component]
