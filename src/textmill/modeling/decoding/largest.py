"""The largest of many scores: a partial sort of each row of a vocabulary costs more than the model."""

from __future__ import annotations

from typing import Any

import torch

GROUP = 64


def largest(scores: Any, added: Any, count: int) -> tuple[Any, Any]:
    """The `count` largest of `scores + added` by item, in order.

    Only the groups with the largest maxima can hold them, and maxima are read off at memory speed.

    Args:
        scores: (items, beams, vocabulary) float32.
        added: (items, beams), the same for all tokens of a beam.
        count: at most beams times vocabulary.

    Returns:
        values (items, count) and places (items, count) in the flattened beams and vocabulary.
    """
    items, beams, vocabulary = scores.shape
    groups = vocabulary // GROUP
    if vocabulary % GROUP or beams * groups < 2 * count:
        return (scores + added[:, :, None]).flatten(1).topk(count)
    tops = scores.view(items, beams, groups, GROUP).amax(-1) + added[:, :, None]
    chosen = tops.flatten(1).topk(count).indices
    # Sorted, so that equal scores are met in the vocabulary's order whichever group had the larger maximum.
    chosen = chosen.sort(-1).values
    near = scores.view(items, beams * groups, GROUP).gather(1, chosen[:, :, None].expand(-1, -1, GROUP))
    near = near + added.gather(1, chosen // groups)[:, :, None]
    values, places = near.flatten(1).topk(count)
    return values, chosen.gather(1, places // GROUP) * GROUP + places % GROUP


def best(scores: Any) -> Any:
    """The place of the largest score of each row, the first of equal ones, as `argmax` finds it.

    Many rows are faster by the maxima of groups, which vector instructions find.
    """
    rows, vocabulary = scores.shape
    if rows == 1 or vocabulary % GROUP:
        return scores.argmax(-1)
    groups = scores.view(rows, -1, GROUP)
    at = groups.amax(-1).argmax(-1, keepdim=True)
    near = groups.gather(1, at[:, :, None].expand(-1, -1, GROUP))[:, 0]
    return at[:, 0] * GROUP + near.argmax(-1)


def is_one_of(tokens: Any, ends: tuple[int, ...]) -> Any:
    """Where `tokens` are among `ends`; for a few ends faster than `torch.isin`."""
    found = torch.zeros_like(tokens, dtype=torch.bool)
    for end in ends:
        found |= tokens == end
    return found
