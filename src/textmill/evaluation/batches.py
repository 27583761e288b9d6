"""Batches of similar length, so that little is computed on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


def batches_by_length(
    lengths: Sequence[int], batch_tokens: int, batch_rows: int = 512
) -> Iterator[list[int]]:
    """Yield the places of items in batches, longest first, of `batch_tokens` padded tokens at most.

    Longest first, so that a batch that does not fit in memory fails at the start and not at the end. An
    item longer than `batch_tokens` is a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable").tolist()
    start = 0
    while start < len(order):
        rows = max(1, min(batch_rows, batch_tokens // max(1, lengths[order[start]])))
        yield order[start : start + rows]
        start += rows
