"""A random order of any number of things that need not be held in memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from textmill.corpus.signals.hashing import mix

_ROUNDS = 6


class Permutation:
    """A pseudo-random permutation of ``range(count)``, computed place by place.

    A Feistel network (Luby and Rackoff 1988) on the next power of four; a value outside the range is sent
    through again until it is inside (cycle walking, Black and Rogaway 2002). Place and memory do not depend
    on `count`, so an order can be entered anywhere.
    """

    def __init__(self, count: int, *key: int):
        """Args: how many things, and the integers of 0 or more that choose the order."""
        self.count = count
        self._half = np.uint64(max(1, ((max(count, 2) - 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = np.random.SeedSequence(key).generate_state(_ROUNDS, np.uint64)

    def __call__(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """What stands at `places` (int64, each in ``range(count)``): int64 of the same shape."""
        found = self._network(places.astype(np.uint64))
        outside = np.flatnonzero(found >= self.count)
        while len(outside):
            found[outside] = self._network(found[outside])
            outside = outside[found[outside] >= self.count]
        return found.astype(np.int64)

    def _network(self, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = values >> self._half, values & self._mask
        for key in self._keys:
            left, right = right, left ^ (mix(right ^ key) & self._mask)
        return (left << self._half) | right
