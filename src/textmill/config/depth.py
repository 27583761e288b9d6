"""One number for the size of a model: what `pretrain.MODEL.depth` stands for."""

from __future__ import annotations

from typing import Any

WIDTH = 64
"""Width of the residual stream per layer, and of an attention head (nanochat's ratio)."""

GATED = ("llama", "modernbert")
"""Styles whose feed-forward has a gate: three matrices of two thirds the width cost as much as two."""

RATES: dict[str, tuple[float, float]] = {
    "llama": (0.02, 0.005),
    "gpt2": (0.02, 0.005),
    "modernbert": (0.02, 0.03),
    "bert": (0.02, 0.005),
    "t5": (0.02, 0.1),
    "bart": (0.02, 0.005),
}
"""By style, Muon's rate and that of embeddings at the width `MEASURED` (docs/training.md says how found)."""

ADAMW = 0.002
"""AdamW's rate at the width `MEASURED`."""

MEASURED = 128


def sizes(depth: int, style: str, optimizer: str) -> dict[str, Any]:
    """Sizes and learning rates of a model of `depth` layers, under the keys of `textmill.config.pretrain`.

    Width and heads grow with depth, so that a model keeps its proportions. Muon's rate does not depend on
    the width; AdamW's falls with its square root.

    Args:
        depth: layers; of encoder and decoder each for an encoder-decoder.
        style: a key of `RATES`.
        optimizer: ``muon`` or ``adamw``.
    """
    hidden = WIDTH * depth
    inner = 8 * hidden / 3 if style in GATED else 4 * hidden
    scale = (hidden / MEASURED) ** -0.5
    matrices, embeddings = RATES[style]
    return {
        "layers": depth,
        "hidden": hidden,
        "heads": depth,
        "feed_forward": -(-int(inner) // 64) * 64,
        "learning_rate": round(matrices if optimizer == "muon" else ADAMW * scale, 6),
        "embedding_learning_rate": round(embeddings * scale, 6),
    }
