"""Windows over packed tokens: which tokens a step sees, as a pure function of (seed, step)."""

from __future__ import annotations

import bisect
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError
from textmill.tokenization.packing import TokenShards
from textmill.training.randomness import generator

_ORDER = 1


class Windows:
    """Cuts the shards of a split into windows of equal length and deals them out in a random order.

    Windows do not overlap and do not cross shards. Each epoch sees every window once, in its own order and
    with its own offset, so that documents are cut at other places.
    """

    def __init__(self, shards: TokenShards, length: int, seed: int, where: str):
        """Args: the shards, tokens of a window, the seed, and the directory for error messages.

        Raises:
            UserError: no shard is as long as one window.
        """
        self.shards, self.length, self.seed = shards, length, seed
        counts = [max(0, (len(ids) - length) // length) or int(len(ids) >= length) for ids in shards.ids]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        self.count = self._starts[-1]
        if not self.count:
            raise UserError(
                f"{where}: expected at least {length:,} tokens in a shard, one window, found "
                f"{shards.tokens:,} in all. Add text, or lower the context length."
            )
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    def _draw_epoch(self, epoch: int) -> tuple[npt.NDArray[np.int64], int]:
        random = generator(self.seed, _ORDER, epoch)
        return random.permutation(self.count), int(random.integers(self.length))

    def step(self, step: int, batch: int) -> npt.NDArray[np.int64]:
        """The windows of a step: int64 token ids of shape (batch, length)."""
        return self.rows(range(step * batch, (step + 1) * batch))

    def rows(self, numbers: range) -> npt.NDArray[np.int64]:
        """Windows number `numbers` of the endless sequence: int64 of shape (len(numbers), length)."""
        found = np.empty((len(numbers), self.length), np.int64)
        for row, number in enumerate(numbers):
            shard, start = self._place(number)
            found[row] = self.shards.ids[shard][start : start + self.length]
        return found

    def _place(self, number: int) -> tuple[int, int]:
        """Shard and first token of window `number`."""
        order, offset = self._epoch(number // self.count)
        window = int(order[number % self.count])
        shard = bisect.bisect_right(self._starts, window) - 1
        start = (window - self._starts[shard]) * self.length
        return shard, min(start + offset, len(self.shards.ids[shard]) - self.length)

    def documents(self, numbers: range) -> str:
        """The documents that windows `numbers` touch, in words, by their place in the token shards."""
        touched: dict[int, set[int]] = {}
        for number in numbers:
            shard, start = self._place(number)
            bounds = self.shards.bounds[shard]
            first = int(np.searchsorted(bounds, start, side="right")) - 1
            last = int(np.searchsorted(bounds, start + self.length, side="left"))
            touched.setdefault(shard, set()).update(range(first, last))
        return shard_documents(touched)


def shard_documents(touched: dict[int, set[int]], most: int = 12) -> str:
    """Documents by shard, such as ``part-00003: documents 17, 18 and 40 more``; they count from 0."""
    said = []
    for shard, numbers in sorted(touched.items()):
        shown = ", ".join(map(str, sorted(numbers)[:most]))
        more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
        said.append(f"part-{shard:05d}: documents {shown}{more}")
    return "; ".join(said)
