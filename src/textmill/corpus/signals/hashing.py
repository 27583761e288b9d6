"""64-bit hashes of many ranges at once, and which values repeat."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 1 << 64)
_LOW = 1 << 12
_CHUNK = 1 << 16  # its terms and powers stay in a core's cache


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


def _power_table(base: int, count: int) -> np.ndarray:
    powers = np.full(count, base, np.uint64)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


_POWERS = _power_table(_BASE, _CHUNK)
_SMALL = _power_table(_INVERSE, _LOW)


class RangeHash:
    """Polynomial hashes (Karp and Rabin, 1987), modulo 2**64, of any ranges of one array.

    Equal content gives equal hashes wherever it stands and whichever array it is in.
    """

    def __init__(self, codes: np.ndarray):
        """Prepare for ranges of `codes` (code points, uint32, or uint8 where all are ASCII)."""
        self._sums = np.zeros(len(codes) + 1, np.uint64)
        for begin in range(0, len(codes), _CHUNK):
            terms = codes[begin : begin + _CHUNK].astype(np.uint64)
            terms += np.uint64(1)
            terms *= _POWERS[: len(terms)]
            terms *= np.uint64(pow(_BASE, begin, 1 << 64))
            terms[:1] += self._sums[begin : begin + 1]
            np.cumsum(terms, out=self._sums[begin + 1 : begin + 1 + len(terms)])
        self._large = _power_table(pow(_INVERSE, _LOW, 1 << 64), len(codes) // _LOW + 1)

    def __call__(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The hashes (uint64) of the ranges start:end (int64)."""
        sums = self._sums[end] - self._sums[start]
        # Dividing by the power of the first character makes the hash independent of where the range stands;
        # that power is the product of a small and a large one, so that two short tables hold them all.
        sums *= self._large[start // _LOW]
        sums *= _SMALL[start % _LOW]
        return mix(sums)


def groups(keys: np.ndarray) -> np.ndarray:
    """The group of each key (uint64), numbered in the order they first appear (int32)."""
    return pa.array(keys).dictionary_encode().indices.to_numpy()


def seen_before(group: np.ndarray) -> np.ndarray:
    """Which entries repeat an earlier one (bool), for groups numbered in the order they first appear."""
    highest = np.full(len(group), -1, np.int32)
    np.maximum.accumulate(group[:-1], out=highest[1:])
    return group <= highest


def perhaps_repeated(keys: np.ndarray) -> np.ndarray:
    """The places (ascending int64) of all keys (uint64) that occur twice, and of some that do not.

    Two passes over a table of places by the first bits of the key: much less work than grouping, where most
    keys are unique.
    """
    bits = max(len(keys).bit_length() + 1, 8)
    bucket = (keys >> np.uint64(64 - bits)).view(np.int64)
    number = np.arange(len(keys), dtype=np.int32)
    last = np.empty(1 << bits, np.int32)
    last[bucket] = number
    shared = np.zeros(1 << bits, bool)
    shared[bucket[last[bucket] != number]] = True
    return np.flatnonzero(shared[bucket])
