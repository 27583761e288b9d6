"""64-bit hashes of many ranges at once, and which values repeat."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)


def mix(values: np.ndarray) -> np.ndarray:
    """A bijection of uint64 that spreads every bit (the finalizer of SplitMix64, Steele et al., 2014)."""
    values = values.astype(np.uint64)
    values += np.uint64(_BASE)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values


def _powers(base: int, count: int) -> np.ndarray:
    powers = np.full(count, base, np.uint64)
    powers[:1] = 1
    return np.cumprod(powers, dtype=np.uint64)


class RangeHash:
    """Polynomial hashes (Karp and Rabin, 1987), modulo 2**64, of any ranges of one array.

    Equal content gives equal hashes wherever it stands and whichever array it is in.
    """

    def __init__(self, codes: np.ndarray):
        """Prepare for ranges of `codes` (uint32)."""
        terms = mix(codes)
        terms *= _powers(_BASE, len(codes))
        self._sums = np.zeros(len(codes) + 1, np.uint64)
        np.cumsum(terms, out=self._sums[1:])
        self._shifts = _powers(_INVERSE, len(codes) + 1)

    def __call__(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The hashes (uint64) of the ranges start:end (int64)."""
        return mix((self._sums[end] - self._sums[start]) * self._shifts[start])


def groups(keys: np.ndarray) -> np.ndarray:
    """The group of each key (uint64), numbered in the order they first appear (int32)."""
    return pa.array(keys).dictionary_encode().indices.to_numpy()


def seen_before(group: np.ndarray) -> np.ndarray:
    """Which entries repeat an earlier one (bool), for groups numbered in the order they first appear."""
    highest = np.full(len(group), -1, np.int64)
    highest[1:] = np.maximum.accumulate(group)[:-1]
    return group <= highest
