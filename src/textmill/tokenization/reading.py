"""Read token shards as an endless stream of shuffled documents that can be left and entered anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError
from textmill.tokenization.packing import TokenShards
from textmill.tokenization.permutation import Permutation

_BLOCK = 1024


class TokenReader:
    """Deals out rows of equal length from whole documents in a random order, epoch after epoch.

    Every epoch has each document of the shards once (copies that tokenize wrote are documents), in an order
    given by the seed and the epoch. Documents follow one another across rows: the one that a row ends in
    goes on in the next. Each rank reads every `ranks`-th document of the same order.

    The position is three integers. What is read from a restored state equals what would have been read
    without the interruption, token for token.
    """

    def __init__(
        self, shards: TokenShards, length: int, seed: int, where: str, rank: int = 0, ranks: int = 1
    ):
        """Args: the shards, tokens of a row, the seed, their directory for messages, and this reader's share.

        Raises:
            UserError: there are fewer documents than ranks.
        """
        self.shards, self.length, self.seed, self.rank, self.ranks = shards, length, seed, rank, ranks
        self._first = np.cumsum([0, *(len(bounds) - 1 for bounds in shards.bounds)])
        self.documents = len(range(rank, shards.documents, ranks))
        if not self.documents:
            raise UserError(
                f"{where}: expected at least {ranks:,} documents, one for each reader, "
                f"found {shards.documents:,}."
            )
        self.where = where
        self.epoch = self.document = self.token = 0
        self._block: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._block_at = (-1, -1)

    def read(self, rows: int) -> npt.NDArray[np.int64]:
        """The next `rows` rows: int64 token ids of shape (rows, length)."""
        found = np.empty(rows * self.length, np.int64)
        filled = 0
        while filled < len(found):
            ids = self._document()
            part = ids[self.token : self.token + len(found) - filled]
            found[filled : filled + len(part)] = part
            filled += len(part)
            self.token += len(part)
            if self.token == len(ids):
                self._next_document()
        return found.reshape(rows, self.length)

    def __iter__(self) -> Iterator[npt.NDArray[np.int64]]:
        """Row after row, without end."""
        while True:
            yield self.read(1)[0]

    def state(self) -> dict[str, int]:
        """Where the next row starts, and what it is a place in, as JSON can hold it."""
        return {"epoch": self.epoch, "document": self.document, "token": self.token, **self._identity()}

    def restore(self, state: Mapping[str, int]) -> None:
        """Go to a place that `state` gave.

        Raises:
            UserError: it is a place in other shards, or of a reader with other settings.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise UserError(
                    f"{self.where}: expected a reader's state with {name} {value:,}, found "
                    f"{state.get(name)}: it belongs to other tokens or settings."
                )
        self.epoch, self.document, self.token = (state[name] for name in ("epoch", "document", "token"))

    def _identity(self) -> dict[str, int]:
        return {
            "documents": self.shards.documents,
            "tokens": self.shards.tokens,
            "length": self.length,
            "seed": self.seed,
            "rank": self.rank,
            "ranks": self.ranks,
        }

    def _document(self) -> npt.NDArray[np.uint16]:
        at = (self.epoch, self.document // _BLOCK)
        if at != self._block_at:
            start = at[1] * _BLOCK
            places = np.arange(start, min(start + _BLOCK, self.documents)) * self.ranks + self.rank
            self._block = Permutation(self.shards.documents, self.seed, self.epoch)(places)
            self._block_at = at
        number = int(self._block[self.document % _BLOCK])
        shard = int(np.searchsorted(self._first, number, side="right")) - 1
        start, end = self.shards.bounds[shard][number - self._first[shard] :][:2]
        return self.shards.ids[shard][start:end]

    def _next_document(self) -> None:
        self.document, self.token = self.document + 1, 0
        if self.document == self.documents:
            self.epoch, self.document = self.epoch + 1, 0
