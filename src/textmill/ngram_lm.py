"""An n-gram language model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998).

Counts live in sorted arrays, not in a tree of dictionaries: an n-gram is the id of its first n-1 tokens
times the vocabulary size plus its last token, so one sort per order counts a corpus of millions of tokens.
Unseen mass ends in the uniform distribution; probabilities sum to 1 over the vocabulary in any context.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Places = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """The n-grams of one order.

    Attributes:
        keys: sorted, int64, one per distinct n-gram; its place is the n-gram's id.
        discounted: adjusted count less discount, float32, aligned with `keys`.
        totals: adjusted count that follows each context, float32, by context id.
        backoff: probability mass each context leaves to the lower order, float32, by context id.
    """

    keys: Ints
    discounted: NDArray[np.float32]
    totals: NDArray[np.float32]
    backoff: NDArray[np.float32]


@dataclass(frozen=True)
class NgramModel:
    """A fitted model: `unigrams`, shape (vocabulary,), sum to 1; `orders[i]` holds the (i+2)-grams."""

    unigrams: Floats
    orders: list[Order]
    boundary: int

    @property
    def vocabulary(self) -> int:
        """Size of the vocabulary."""
        return len(self.unigrams)

    def probabilities(self, tokens: NDArray[np.uint16], starts: NDArray[np.uint64]) -> Floats:
        """P(token | the tokens before it in its document), float64, one per token.

        Args:
            tokens: documents one after the other, each ended by the boundary token.
            starts: where each document starts, and the end.
        """
        stream, room = _with_boundaries(tokens, starts, self.boundary)
        probability = self.unigrams[stream]
        ids = stream.astype(np.int64)
        for order, grams in enumerate(self.orders, start=2):
            context = np.full(len(ids), -1, dtype=np.int64)
            context[1:] = ids[:-1]
            context[room < order] = -1
            seen = context >= 0
            total = np.where(seen, grams.totals[context], 0.0)
            ids = _find(grams.keys, context * self.vocabulary + stream, seen)
            mass = np.where(ids >= 0, grams.discounted[ids], 0.0)
            follows = total > 0
            mixed = (mass + grams.backoff[context] * probability) / np.where(follows, total, 1.0)
            probability = np.where(follows, mixed, probability)
        return probability[room > 0]


def fit(
    tokens: NDArray[np.uint16], starts: NDArray[np.uint64], vocabulary: int, boundary: int, order: int = 5
) -> NgramModel:
    """Count and smooth a corpus.

    Args:
        tokens: uint16 ids, documents one after the other, each ended by `boundary`.
        starts: where each document starts, and the end: shape (documents + 1,).
        vocabulary: ids are below it.
        boundary: the token that ends a document; it also stands before its first token as context.
        order: the longest n-gram.

    Raises:
        ValueError: there is no token, one is not below `vocabulary`, or `order` is below 1.
    """
    if order < 1:
        raise ValueError(f"order: expected at least 1, found {order}")
    if not len(tokens) or int(tokens.max()) >= vocabulary:
        found = f"token {int(tokens.max())}" if len(tokens) else "no token"
        raise ValueError(f"expected tokens below the vocabulary size {vocabulary}, found {found}")
    stream, room = _with_boundaries(tokens, starts, boundary)
    ids = stream.astype(np.int32)
    keys: Ints = np.arange(vocabulary, dtype=np.int64)
    counts = np.bincount(stream[room > 0], minlength=vocabulary)
    levels: list[tuple[Ints, Ints]] = []
    for length in range(2, order + 1):
        next_keys, next_ids, next_counts = _count(ids, stream, room >= length, vocabulary)
        if not len(next_keys):
            break
        # A shorter n-gram is weighed by its distinct left neighbours, or counted where it has none.
        levels.append((keys, _left_neighbours(ids, next_ids, len(keys), len(next_keys), room == length - 1)))
        keys, ids, counts = next_keys, next_ids, next_counts
    levels.append((keys, counts))
    del ids, stream, room
    orders = []
    for (context_keys, _), (gram_keys, adjusted) in pairwise(levels):
        orders.append(_smooth(gram_keys, adjusted, len(context_keys), vocabulary))
    return NgramModel(_smooth_unigrams(levels[0][1]), orders, boundary)


def _with_boundaries(
    tokens: NDArray[np.uint16], starts: NDArray[np.uint64], boundary: int
) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """The tokens with one boundary put before each document, and the longest n-gram that may end at each.

    That is 0 at a boundary put in, 2 at a document's first token, and so on.
    """
    places = starts.astype(np.int64)
    stream = np.insert(tokens, places[:-1], np.uint16(boundary))
    opened = places[:-1] + np.arange(len(places) - 1)
    room = np.arange(len(stream), dtype=np.int64)
    room -= np.repeat(opened, np.diff(places) + 1)
    room[room > 0] += 1
    return stream, room.astype(np.int32)


def _count(
    ids: Places, stream: NDArray[np.uint16], valid: NDArray[np.bool_], vocabulary: int
) -> tuple[Ints, Places, Ints]:
    """Distinct n-grams (sorted keys), the id of the one that ends at each place or -1, and their counts.

    One sort does all of it; np.unique would hold three more arrays of the corpus' length.
    """
    places = np.flatnonzero(valid)
    wanted = ids[places - 1].astype(np.int64)
    wanted *= vocabulary
    wanted += stream[places]
    order = np.argsort(wanted)
    wanted = wanted[order]
    first = np.ones(len(wanted), dtype=np.bool_)
    first[1:] = wanted[1:] != wanted[:-1]
    starts = np.flatnonzero(first)
    keys, counts = wanted[starts], np.diff(starts, append=len(wanted))
    del wanted, starts
    found = np.full(len(stream), -1, dtype=np.int32)
    found[places[order]] = np.cumsum(first, dtype=np.int32) - 1
    return keys, found, counts


def _left_neighbours(
    ids: Places, next_ids: Places, size: int, next_size: int, opening: NDArray[np.bool_]
) -> Ints:
    """For each n-gram its distinct (n+1)-grams to the left, or its count where it opens a document."""
    longer = np.flatnonzero(next_ids >= 0)
    suffixes = np.empty(next_size, dtype=np.int32)
    suffixes[next_ids[longer]] = ids[longer]
    return np.bincount(suffixes, minlength=size) + np.bincount(ids[opening], minlength=size)


def discounts(counts: Ints) -> Floats:
    """What is taken from counts of 0, 1, 2 and 3 or more: shape (4,) (Chen and Goodman 1998, equation 26).

    Where the counts of counts leave the formula undefined or out of range, as in a very small corpus, it is
    0.5, 1 and 1.5.
    """
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    if min(n1, n2, n3) > 0:
        ratio = n1 / (n1 + 2 * n2)
        found = np.array([0.0, 1 - 2 * ratio * n2 / n1, 2 - 3 * ratio * n3 / n2, 3 - 4 * ratio * n4 / n3])
        if (found[1:] > 0).all() and (found <= np.arange(4)).all():
            return found
    return np.array([0.0, 0.5, 1.0, 1.5])


def _smooth_unigrams(counts: Ints) -> Floats:
    taken = discounts(counts)[np.minimum(counts, 3)]
    return (counts - taken + taken.sum() / len(counts)) / counts.sum()


def _smooth(keys: Ints, counts: Ints, contexts: int, vocabulary: int) -> Order:
    taken = discounts(counts)[np.minimum(counts, 3)]
    context = keys // vocabulary
    return Order(
        keys,
        (counts - taken).astype(np.float32),
        np.bincount(context, weights=counts, minlength=contexts).astype(np.float32),
        np.bincount(context, weights=taken, minlength=contexts).astype(np.float32),
    )


def _find(keys: Ints, wanted: Ints, valid: NDArray[np.bool_]) -> Ints:
    """The place of each wanted key among the sorted `keys`, or -1."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(valid & (keys[places] == wanted), places, -1)
