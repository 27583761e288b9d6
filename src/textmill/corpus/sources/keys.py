"""Which ids of a source have been seen: 16 bytes each, in sorted runs that are merged as they grow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Halves = npt.NDArray[np.uint64]


class SeenIds:
    """A set of 128-bit ids that answers for a batch at once."""

    def __init__(self) -> None:
        self._runs: list[tuple[Halves, Halves]] = []

    def add(self, ids: list[str]) -> npt.NDArray[np.bool_]:
        """Add ids of 32 hex digits; returns for each whether it was there before, or earlier in `ids`."""
        raw = np.frombuffer(bytes.fromhex("".join(ids)), ">u8").astype(np.uint64).reshape(-1, 2)
        high, low = raw[:, 0], raw[:, 1]
        seen = np.zeros(len(ids), bool)
        for run in self._runs:
            seen |= _within(run, high, low)
        order = np.lexsort((np.arange(len(ids)), low, high))
        sorted_high, sorted_low = high[order], low[order]
        again = np.zeros(len(ids), bool)
        again[1:] = (sorted_high[1:] == sorted_high[:-1]) & (sorted_low[1:] == sorted_low[:-1])
        seen[order[again]] = True
        fresh = order[~seen[order]]
        if len(fresh):
            self._runs.append((high[fresh], low[fresh]))
        while len(self._runs) > 1 and len(self._runs[-1][0]) * 2 > len(self._runs[-2][0]):
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(_merged(older, newer))
        return seen


def _within(run: tuple[Halves, Halves], high: Halves, low: Halves) -> npt.NDArray[np.bool_]:
    first = np.searchsorted(run[0], high, "left")
    last = np.searchsorted(run[0], high, "right")
    found = np.zeros(len(high), bool)
    for index in np.flatnonzero(last > first).tolist():
        found[index] = bool((run[1][first[index] : last[index]] == low[index]).any())
    return found


def _merged(one: tuple[Halves, Halves], other: tuple[Halves, Halves]) -> tuple[Halves, Halves]:
    high = np.concatenate([one[0], other[0]])
    low = np.concatenate([one[1], other[1]])
    order = np.argsort(high, kind="stable")
    return high[order], low[order]
