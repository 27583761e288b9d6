"""Sequences of different lengths, several to a row, so that little is padding."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from textmill.training.corruption import IGNORED
from textmill.training.examples import Ids
from textmill.training.randomness import generator

_ORDER = 6


def best_fit(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Which sequences share a row: best fit decreasing (Johnson 1973; Ding et al. 2024).

    Longest first, each goes to the fullest row that has room for it.

    Args:
        lengths: of the sequences, each at most `room`.
        room: tokens of a row.
    """
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []  # (room left, row), sorted
    for number in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        at = bisect.bisect_left(free, (lengths[number], -1))
        if at < len(free):
            left, row = free.pop(at)
            rows[row].append(number)
        else:
            left, row = room, len(rows)
            rows.append([number])
        bisect.insort(free, (left - lengths[number], row))
    return rows


class Packed:
    """Encoded conversations packed into rows, dealt out as a pure function of (seed, step).

    Attributes:
        inputs: token ids of each conversation.
        waste: share of the rows' tokens that is padding.
    """

    def __init__(
        self, inputs: list[list[int]], labels: list[list[int]], batch: int, room: int, pad: int, seed: int
    ):
        """Args: ids, labels (-100 where nothing is predicted), rows of a batch, tokens of one, pad, seed."""
        self.inputs, self.labels, self.batch, self.pad, self.seed = inputs, labels, batch, pad, seed
        lengths = [len(row) for row in inputs]
        self.room = room
        self.packed = best_fit(lengths, self.room)
        self.waste = 1.0 - sum(lengths) / (len(self.packed) * self.room)
        self.batches_per_epoch = -(-len(self.packed) // batch)
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    def _draw_epoch(self, epoch: int) -> Ids:
        return generator(self.seed, _ORDER, epoch).permutation(len(self.packed))

    def step(self, step: int) -> tuple[Ids, Ids, Ids]:
        """Ids, places and labels of a step, each int64 (rows, room); see `_row`."""
        return self._batch(self._rows(step))

    def _rows(self, step: int) -> Ids:
        start = step % self.batches_per_epoch * self.batch
        return self._epoch(step // self.batches_per_epoch)[start : start + self.batch]

    def rows(self, step: int) -> Ids:
        """The numbers of the conversations of a step."""
        return np.array(sorted(number for row in self._rows(step) for number in self.packed[row]))

    def in_order(self) -> list[tuple[Ids, Ids, Ids]]:
        """Every row once."""
        order = np.arange(len(self.packed))
        return [self._batch(order[start : start + self.batch]) for start in range(0, len(order), self.batch)]

    def _batch(self, rows: Ids) -> tuple[Ids, Ids, Ids]:
        ids, places, labels = zip(*(self._row(row) for row in rows), strict=True)
        return np.stack(ids), np.stack(places), np.stack(labels)

    def _row(self, row: int) -> tuple[Ids, Ids, Ids]:
        """Places begin anew with each conversation; a token of padding is a sequence of its own."""
        ids = np.full(self.room, self.pad, np.int64)
        places = np.zeros(self.room, np.int64)
        labels = np.full(self.room, IGNORED, np.int64)
        at = 0
        for number in self.packed[row]:
            end = at + len(self.inputs[number])
            ids[at:end] = self.inputs[number]
            places[at:end] = np.arange(end - at)
            labels[at:end] = self.labels[number]
            # What comes before a conversation is another one.
            labels[at] = IGNORED
            at = end
        return ids, places, labels
