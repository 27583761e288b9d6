"""What a step trains on: one batch, in as many parts as memory asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Part:
    """Some rows of a batch: their mean loss when called for, and their share of what the batch predicts.

    The shares of a batch's parts sum to 1, so that the sum of share times loss is the mean over the batch,
    however it is cut.
    """

    share: float
    loss: Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """The rows of a step.

    Attributes:
        tokens: how many tokens it reads.
        parts: see `Part`; the last bits of their gradients' sum depend on how the batch is cut.
        documents: says in words which documents or rows it holds; called only when something is wrong.
    """

    tokens: int
    parts: Sequence[Part]
    documents: Callable[[], str]


def cuts(rows: int, most: int | None) -> Iterator[slice]:
    """Cut `rows` rows into runs of at most `most`; one run when that is None."""
    size = most or rows
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))
