"""What a step trains on: one batch, in as many parts as memory asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textmill.training.ranks import place

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch


@dataclass(frozen=True)
class Part:
    """Some rows of a batch: their mean loss when called for, and their share of what the batch predicts.

    The shares of a batch's parts, in all processes, sum to 1, so that the sum of share times loss is the mean
    over the batch, however it is cut.
    """

    share: float
    loss: Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Batch:
    """The rows of a step.

    Attributes:
        tokens: how many tokens it reads, in all processes.
        parts: those of this process, see `Part`; the last bits of their gradients' sum depend on how the
            batch is cut.
        documents: says in words which documents or rows it holds; called only when something is wrong.
    """

    tokens: int
    parts: Sequence[Part]
    documents: Callable[[], str]


def parts(
    counts: npt.NDArray[Any], most: int | None, loss: Callable[[slice], torch.Tensor]
) -> Sequence[Part]:
    """What this process computes of a batch, at most `most` rows at a time (None: its rows at once).

    Args:
        counts: (rows,), what each row of the whole batch counts.
        most: see above.
        loss: of some rows, the mean over what they count.

    Returns:
        As many parts in each process, for weights that are divided are gathered by all at once; where a
        process has fewer rows than others, surplus parts have no share.
    """
    total = max(float(counts.sum()), 1e-9)
    cut = [each for each in cuts(len(counts), most) if each.stop > each.start]
    found = [Part(float(counts[each].sum()) / total, partial(loss, each)) for each in cut]
    if place().size > 1:
        fullest = int(counts.argmax())
        idle = Part(0.0, partial(loss, slice(fullest, fullest + 1)))
        found += [idle] * (_most_cuts(len(counts), most) - len(found))
    return found


def _most_cuts(rows: int, most: int | None) -> int:
    largest = -(-rows // place().size)
    return -(-largest // (most or largest))


def cuts(rows: int, most: int | None) -> Iterator[slice]:
    """Cut this process's share of `rows` rows into runs of at most `most`; one run when that is None."""
    here = place()
    begin, end = (rows * rank // here.size for rank in (here.rank, here.rank + 1))
    size = most or max(end - begin, 1)
    for start in range(begin, end, size):
        yield slice(start, min(start + size, end))
