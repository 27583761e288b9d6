"""Documents as token ids, from the shards that tokenize wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmill.errors import UserError
from textmill.tokenization.packing import open_shards


@dataclass(frozen=True)
class TokenDocuments:
    """Documents one after the other: `tokens` uint16; `starts` uint64, shape (documents + 1,)."""

    tokens: NDArray[np.uint16]
    starts: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[NDArray[np.uint16]]:
        for start, end in zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True):
            yield self.tokens[start:end]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each document."""
        starts = self.starts.astype(np.int64)
        return starts[1:] - starts[:-1]

    def take(self, rows: NDArray[np.int64]) -> TokenDocuments:
        """The documents at `rows`, in that order."""
        starts = self.starts.astype(np.int64)
        parts = [self.tokens[starts[row] : starts[row + 1]] for row in rows]
        lengths = [len(part) for part in parts]
        tokens = np.concatenate(parts) if parts else self.tokens[:0]
        return TokenDocuments(np.asarray(tokens), np.cumsum([0, *lengths]).astype(np.uint64))


def read_documents(directory: Path, max_tokens: int | None = None) -> TokenDocuments:
    """Read a split's token shards into memory; whole documents, up to `max_tokens`.

    Raises:
        UserError: there is no document, or a shard and its index do not fit.
    """
    shards = open_shards(directory)
    tokens, lengths, room = [], [], max_tokens
    for ids, bounds in zip(shards.ids, shards.bounds, strict=True):
        documents = len(bounds) - 1
        if room is not None:
            documents = min(documents, int(np.searchsorted(bounds, room, side="right")) - 1)
            room -= int(bounds[documents])
        tokens.append(np.asarray(ids[: bounds[documents]]))
        lengths.append(np.diff(bounds[: documents + 1]))
        if documents < len(bounds) - 1:
            break
    sizes = np.concatenate(lengths)
    if not len(sizes):
        limit = f" within the first {max_tokens:,} tokens" if max_tokens is not None else ""
        raise UserError(f"{directory}: expected documents, found none{limit}.")
    return TokenDocuments(np.concatenate(tokens), np.concatenate([[0], np.cumsum(sizes)]).astype(np.uint64))


def draw_documents(documents: TokenDocuments, max_tokens: int, seed: int) -> TokenDocuments:
    """Whole documents drawn at random without replacement until they hold `max_tokens`, in their old order.

    At least one document is drawn. The first that would exceed the limit ends the drawing.
    """
    order = np.random.default_rng(seed).permutation(len(documents))
    held = np.cumsum(documents.lengths[order])
    count = max(1, int(np.searchsorted(held, max_tokens, side="right")))
    return documents.take(np.sort(order[:count]))


def pieces(documents: TokenDocuments, context: int) -> list[tuple[int, int]]:
    """Where each piece of at most `context` tokens starts and ends; a piece never spans documents."""
    bounds = zip(documents.starts[:-1].tolist(), documents.starts[1:].tolist(), strict=True)
    return [
        (first, min(first + context, end)) for start, end in bounds for first in range(start, end, context)
    ]


def token_bytes(tokenizer: Any) -> NDArray[np.int64]:
    """UTF-8 bytes each id of a byte-level tokenizer stands for, 0 for special tokens: shape (vocabulary,).

    A byte-level vocabulary writes each byte as one character, so an entry's length is its bytes. All models
    that share the text then share the bytes, whatever their tokens.

    Raises:
        UserError: the tokenizer is not byte-level.
    """
    backend = tokenizer.backend_tokenizer
    if type(backend.pre_tokenizer).__name__ not in ("ByteLevel", "Sequence") or "ByteLevel" not in repr(
        backend.pre_tokenizer
    ):
        raise UserError(
            "bits per byte need a byte-level tokenizer, whose tokens have a known number of bytes; found "
            f"{type(backend.pre_tokenizer).__name__}."
        )
    special = set(tokenizer.all_special_ids) | {
        place for place, added in tokenizer.added_tokens_decoder.items() if added.special
    }
    sizes = np.zeros(len(tokenizer), dtype=np.int64)
    for text, place in tokenizer.get_vocab().items():
        sizes[place] = 0 if place in special else len(text)
    return sizes
