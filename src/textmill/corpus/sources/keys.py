"""Which ids of a source have been seen: 16 bytes each, in sorted runs that are merged as they grow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Halves = npt.NDArray[np.uint64]


RECENT = 8192
"""Ids that are held in a set before they become a run."""


class SeenIds:
    """A set of 128-bit ids that answers for a batch at once."""

    def __init__(self) -> None:
        self._recent: set[str] = set()
        self._runs: list[tuple[Halves, Halves]] = []

    def add(self, ids: list[str]) -> npt.NDArray[np.bool_]:
        """Add ids of 32 hex digits; returns for each whether it was there before, or earlier in `ids`."""
        seen = np.zeros(len(ids), bool)
        if self._runs:
            high, low = _halves(ids)
            for run in self._runs:
                seen |= _within(run, high, low)
        for index, identity in enumerate(ids):
            if identity in self._recent:
                seen[index] = True
            elif not seen[index]:
                self._recent.add(identity)
        if len(self._recent) >= RECENT:
            self._settle()
        return seen

    def _settle(self) -> None:
        """Make a run of the recent ids; runs of about one size are merged."""
        high, low = _halves(list(self._recent))
        order = np.argsort(high)
        self._runs.append((high[order], low[order]))
        self._recent.clear()
        while len(self._runs) > 1 and len(self._runs[-1][0]) * 2 > len(self._runs[-2][0]):
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(_merged(older, newer))


def _halves(ids: list[str]) -> tuple[Halves, Halves]:
    raw = np.frombuffer(bytes.fromhex("".join(ids)), ">u8").astype(np.uint64).reshape(-1, 2)
    return raw[:, 0].copy(), raw[:, 1].copy()


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
