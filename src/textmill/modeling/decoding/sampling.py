"""Draw tokens with temperature, top-k and top-p, reproducibly for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from textmill.modeling.decoding.settings import Decoding


def uniforms(settings: Decoding, rows: Sequence[int]) -> Any:
    """Numbers in [0, 1) that draw the tokens of `rows`, (rows, max_new_tokens) float64.

    Counter-based, keyed by seed and row: a row draws the same in any batch.
    """
    drawn = [
        np.random.Generator(np.random.Philox(key=[settings.seed, row])).random(settings.max_new_tokens)
        for row in rows
    ]
    return torch.from_numpy(np.stack(drawn))


def draw(logits: Any, settings: Decoding, uniform: Any) -> Any:
    """A token of each row: the first whose cumulative probability exceeds the row's number.

    Args:
        logits: (rows, vocabulary) float32.
        settings: `temperature`, `top_k` and `top_p`, applied in this order, as transformers does.
        uniform: (rows,) in [0, 1).
    """
    masses, tokens = kept(logits, settings)
    sums = masses.double().cumsum(-1)
    total = sums[:, -1]
    # A product that rounds up to the total would fall behind the last token that has any mass.
    wanted = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
    at = torch.searchsorted(sums, wanted[:, None], right=True)
    return at[:, 0] if tokens is None else tokens.gather(1, at)[:, 0]


def kept(logits: Any, settings: Decoding) -> tuple[Any, Any]:
    """Probabilities (rows, n) of the tokens that may be drawn, 0 for the others, and the tokens.

    Tokens are None where column and token are the same; otherwise the likeliest come first.
    """
    scaled = logits / settings.temperature
    tokens = None
    if settings.top_k:
        scaled, tokens = scaled.topk(min(settings.top_k, scaled.shape[1]))
    elif settings.top_p < 1:
        scaled, tokens = scaled.sort(-1, descending=True)
    masses = torch.softmax(scaled, -1)
    if settings.top_p < 1:
        before = masses.cumsum(-1) - masses
        before[:, 0] = 0
        masses = masses.masked_fill(before >= settings.top_p, 0)
    return masses, tokens
