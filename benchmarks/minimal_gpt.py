"""A minimal GPT-2 (Radford et al. 2019) as a peer for training speed: no biases, no dropout, a tied head."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Attention and a feed-forward layer, each behind a norm."""

    def __init__(self, width: int, heads: int, explicit: bool):
        super().__init__()
        self.heads, self.explicit = heads, explicit
        self.norms = nn.ModuleList(nn.LayerNorm(width, bias=False) for _ in range(2))
        self.into = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """(rows, length, width) to the same."""
        rows, length, width = hidden.shape
        parts = self.into(self.norms[0](hidden)).split(width, dim=2)
        query, key, value = (part.view(rows, length, self.heads, -1).transpose(1, 2) for part in parts)
        if self.explicit:
            scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])
            later = torch.ones(length, length, dtype=torch.bool, device=hidden.device).triu(1)
            mixed = scores.masked_fill(later, float("-inf")).softmax(dim=-1).to(value.dtype) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + self.out(mixed.transpose(1, 2).reshape(rows, length, width))
        return hidden + self.down(functional.gelu(self.up(self.norms[1](hidden))))


class GPT(nn.Module):
    """The mean loss of the next token."""

    def __init__(self, layers: int, width: int, heads: int, context: int, vocabulary: int, explicit: bool):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads, explicit) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=False)
        self.head = nn.Linear(width, vocabulary, bias=False)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=0.02)
        self.head.weight = self.tokens.weight

    def forward(self, ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Ids and targets are (rows, length)."""
        hidden = self.tokens(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            hidden = block(hidden)
        logits = self.head(self.norm(hidden))
        return functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
