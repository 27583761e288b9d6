"""Keys and values of earlier tokens, allocated once, so that a step writes a few rows and copies nothing.

The beams of an input share one row of slots. A token of beam `b` is written to the next free slot of its
input, and a mask says which slots are among a beam's ancestors; so when beams change places only the mask
moves, never a key. Attention then reads the slots of the other beams too, which costs far less than copying
all caches each step (tree attention, Miao et al. 2024, SpecInfer).
"""

from __future__ import annotations

from typing import Any

import torch

HIDDEN = float("-inf")


class Slots:
    """The caches of all layers for `items` inputs.

    Args:
        layers: how many.
        items: inputs.
        heads: key and value heads.
        width: of a head.
        length: slots of an input: prompt tokens plus beams times new tokens.
        beams: beams of an input.
    """

    def __init__(self, layers: int, items: int, heads: int, width: int, length: int, beams: int) -> None:
        self.items, self.heads, self.width, self.length, self.beams = items, heads, width, length, beams
        self.used = 0
        # The slots of one head lie together: attention reads them as one matrix.
        self.cache = torch.empty(layers, 2, items, heads, length, width)
        self.mask: Any = None
        """Added to attention scores, (items, beams or 1, length) of 0 and -inf; None hides no slot."""
        self._own = torch.full((beams, beams), HIDDEN).fill_diagonal_(0)

    def advance(self, count: int) -> tuple[Any, Any, Any]:
        """Take the next `count` slots of each input; beams see only their own of these.

        Returns:
            by layer: where to write keys and values (2, items, heads, count, width), all keys
            (items * heads, width, used), all values (items * heads, used, width).
        """
        start, self.used = self.used, self.used + count
        if count > 1:
            self._mask()[:, :, start : self.used] = self._own
        fresh = self.cache.narrow(4, start, count).unbind(0)
        keys, values = self.cache.flatten(2, 3).narrow(3, 0, self.used).unbind(1)
        return fresh, keys.transpose(2, 3).unbind(0), values.unbind(0)

    def reorder(self, sources: Any) -> None:
        """Let beam `b` of an input go on from beam `sources[item, b]`."""
        mask = self._mask()
        index = sources[:, :, None].expand(-1, -1, self.used)
        mask[:, :, : self.used] = mask[:, :, : self.used].gather(1, index)

    def select(self, rows: Any) -> None:
        """Go on with the inputs `rows` alone, in this order; a repeated one is copied."""
        shape = list(self.cache.shape)
        shape[2] = len(rows)
        cache = self.cache.new_empty(shape)
        cache[:, :, :, :, : self.used] = self.cache[:, :, :, :, : self.used].index_select(2, rows)
        self.cache = cache
        if self.mask is not None:
            self.mask = self.mask.index_select(0, rows)
        self.items = len(rows)

    def hide(self, hidden: Any) -> None:
        """Never look at the slots where `hidden`, (items, n) bool, is true: padding before a prompt."""
        if bool(hidden.any()):
            self.mask = torch.zeros(self.items, 1, self.length)
            self.mask[:, 0, : hidden.shape[1]].masked_fill_(hidden, HIDDEN)

    def _mask(self) -> Any:
        if self.mask is None:
            self.mask = torch.zeros(self.items, self.beams, self.length)
        elif self.mask.shape[1] != self.beams:
            self.mask = self.mask.repeat(1, self.beams, 1)
        return self.mask


class Normed:
    """Rows divided by their root mean square, in a buffer; the norm's weights are in the next layer."""

    def __init__(self, rows: int, width: int, eps: float) -> None:
        self.eps = torch.full((1, 1), eps)
        self.share = 1 / width
        self.scale, self.out = torch.empty(rows, 1), torch.empty(rows, width)

    def __call__(self, rows: Any) -> Any:
        norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        torch.addcmul(self.eps, norm, norm, value=self.share, out=self.scale)
        return torch.mul(rows, self.scale.rsqrt_(), out=self.out)


def attend(queries: Any, keys: Any, values: Any, bias: Any) -> Any:
    """Attention of (n, q, d) over keys (n, d, k) and values (n, k, d).

    Explicit products: for one query the fused kernel takes a fifth to a half longer on a CPU.

    Args:
        bias: (n, q, k), added to the scores; or None.
    """
    scores = torch.bmm(queries, keys) if bias is None else torch.baddbmm(bias, queries, keys)
    return torch.bmm(torch.softmax(scores, -1), values)
