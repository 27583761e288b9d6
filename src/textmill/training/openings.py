"""Documents without their first line: an exercise in saying what a text is about.

A relative of gap-sentence generation (Zhang et al. 2020, PEGASUS) for texts whose first line sums up the
rest, as it does in documentation and in many articles.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from textmill.tokenization.packing import TokenShards
from textmill.tokenization.special import EOS, FIRST_EXTRA
from textmill.training.padding import pad_rows
from textmill.training.randomness import generator
from textmill.training.windows import shard_documents

Ids = npt.NDArray[np.int64]
SHORTEST_LINE, LONGEST_LINE, SHORTEST_REST = 5, 48, 16
_ORDER = 3


class Openings:
    """The documents of a split that have a first line to guess and a rest to guess it from."""

    def __init__(self, shards: TokenShards, newlines: npt.NDArray[np.bool_], seed: int):
        """Args: the shards, which token ids contain a line break (vocab_size,), and the seed."""
        self.shards, self.seed = shards, seed
        found = []
        for number, (ids, bounds) in enumerate(zip(shards.ids, shards.bounds, strict=True)):
            breaks = np.flatnonzero(newlines[ids])
            if not len(breaks) or len(bounds) < 2:
                continue
            starts, ends = bounds[:-1], bounds[1:] - 1
            nearest = np.minimum(np.searchsorted(breaks, starts), len(breaks) - 1)
            line_ends = breaks[nearest]
            lengths, rests = line_ends - starts, ends - line_ends - 1
            fits = (lengths >= SHORTEST_LINE) & (lengths <= LONGEST_LINE) & (rests >= SHORTEST_REST)
            shard = np.full(int(fits.sum()), number)
            found.append(np.column_stack([shard, starts[fits], line_ends[fits], ends[fits]]))
        self.places = np.concatenate(found) if found else np.empty((0, 4), np.int64)
        self._epoch = lru_cache(maxsize=2)(self._draw_epoch)

    def __len__(self) -> int:
        return len(self.places)

    def _draw_epoch(self, epoch: int) -> npt.NDArray[np.int64]:
        return generator(self.seed, _ORDER, epoch).permutation(len(self.places))

    def step(self, step: int, batch: int, longest: int) -> tuple[Ids, Ids, Ids]:
        """Inputs ``<extra_0> rest <eos>``, their attention, and labels ``<extra_0> first line <eos>``.

        Each is (batch, length), padded; the rest is cut to `longest` tokens.
        """
        inputs, labels = [], []
        for number in range(step * batch, (step + 1) * batch):
            row = self._epoch(number // len(self))[number % len(self)]
            shard, start, line_end, end = self.places[row].tolist()
            ids = self.shards.ids[shard]
            rest = ids[line_end + 1 : min(end, line_end + 1 + longest)]
            inputs.append([FIRST_EXTRA, *rest.tolist(), EOS])
            labels.append([FIRST_EXTRA, *ids[start:line_end].tolist(), EOS])
        padded, attention = pad_rows(inputs)
        return padded, attention, pad_rows(labels, is_label=True)[0]

    def documents(self, step: int, batch: int) -> str:
        """The documents of a step in words, by their place in the token shards."""
        touched: dict[int, set[int]] = {}
        for number in range(step * batch, (step + 1) * batch):
            shard, start = self.places[self._epoch(number // len(self))[number % len(self)]][:2].tolist()
            touched.setdefault(shard, set()).add(int(np.searchsorted(self.shards.bounds[shard], start)))
        return shard_documents(touched)


def newline_tokens(vocabulary: dict[str, int]) -> npt.NDArray[np.bool_]:
    """Which ids of a byte-level vocabulary contain a line break: bool of shape (vocab_size,).

    The byte-level alphabet writes a line break as ``Ċ``.
    """
    marks = np.zeros(max(vocabulary.values()) + 1, bool)
    marks[[index for token, index in vocabulary.items() if "Ċ" in token]] = True
    return marks
