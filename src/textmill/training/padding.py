"""Rows of different lengths as one rectangle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from textmill.training.corruption import IGNORED

Ids = npt.NDArray[np.int64]
MULTIPLE = 8


def pad_rows(rows: Sequence[Sequence[int]], pad: int = 0, is_label: bool = False) -> tuple[Ids, Ids]:
    """Pad `rows` on the right to a common length, a multiple of 8.

    Args:
        rows: token ids.
        pad: id of the padding token.
        is_label: pad with -100, which no loss counts, instead.

    Returns:
        Ids and attention (1 at tokens, 0 at padding), both int64 of shape (rows, length).
    """
    lengths = np.array([len(row) for row in rows])
    width = -(-int(lengths.max()) // MULTIPLE) * MULTIPLE
    attention = (np.arange(width) < lengths[:, None]).astype(np.int64)
    ids = np.full((len(rows), width), IGNORED if is_label else pad, np.int64)
    ids[attention == 1] = np.concatenate([np.asarray(row, np.int64) for row in rows])
    return ids, attention
