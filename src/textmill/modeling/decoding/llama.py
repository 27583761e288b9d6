"""A decoder of Llama's kind, one token a step, without the modules' overhead."""

from __future__ import annotations

from typing import Any

import torch

from textmill.modeling.decoding.slots import Normed, Slots, attend


class Llama:
    """The weights of a `LlamaForCausalLM` as a step multiplies with them.

    Norm weights and the attention scale are multiplied into the matrices behind them. The two halves of a
    query and key head are interleaved, so that a rotary embedding (Su et al. 2021) is one product of complex
    numbers; queries and keys change alike, so scores do not.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        config = model.config
        self.eps = config.rms_norm_eps
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.width = model.model.layers[0].self_attn.head_dim
        self.embedding = model.model.embed_tokens.weight
        self.head = model.lm_head.weight.t()
        self.norm = model.model.norm.weight
        self.act = model.model.layers[0].mlp.act_fn
        self.layers = [self._layer(layer) for layer in model.model.layers]

    def _layer(self, layer: Any) -> tuple[Any, Any, Any, Any]:
        attention, mlp = layer.self_attn, layer.mlp
        query = self._interleaved(attention.q_proj.weight) * attention.scaling
        projections = [query, self._interleaved(attention.k_proj.weight), attention.v_proj.weight]
        gates = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
        return (
            (torch.cat(projections) * layer.input_layernorm.weight).t(),
            attention.o_proj.weight.t(),
            (gates * layer.post_attention_layernorm.weight).t(),
            mlp.down_proj.weight.t(),
        )

    def _interleaved(self, weight: Any) -> Any:
        halves = weight.view(-1, 2, self.width // 2, weight.shape[1])
        return halves.transpose(1, 2).reshape(weight.shape)

    def start(self, input_ids: Any, attention_mask: Any, new_tokens: int, beams: int) -> LlamaRun:
        """Read prompts padded at the left, (n, length); `LlamaRun.first` then has the logits behind them."""
        return LlamaRun(self, input_ids, attention_mask, new_tokens, beams)


class LlamaRun:
    """A batch of prompts being continued."""

    def __init__(self, net: Llama, input_ids: Any, attention_mask: Any, new_tokens: int, beams: int) -> None:
        self.net, self.step = net, 0
        items, length = input_ids.shape
        slots = length + beams * new_tokens
        self.slots = Slots(len(net.layers), items, net.kv_heads, net.width, slots, beams)
        read = net.model(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=True, logits_to_keep=1,
            position_ids=(attention_mask.cumsum(-1) - 1).clamp_(min=0),
        )  # fmt: skip
        self.first = read.logits[:, -1]
        for past, (keys, values) in zip(
            read.past_key_values.layers, self.slots.cache[:, :, :, :, :length].unbind(0), strict=True
        ):
            keys.unflatten(-1, (-1, 2)).copy_(past.keys.unflatten(-1, (2, -1)).transpose(-1, -2))
            values.copy_(past.values)
        self.slots.used = length
        self.slots.hide(attention_mask == 0)
        self.rotations = self._rotations(attention_mask.sum(-1), new_tokens)
        self._allot(items, 1)

    def _rotations(self, lengths: Any, new_tokens: int) -> Any:
        """Of the new tokens, (new_tokens, items, 1, width / 2); one column where all prompts are as long."""
        starts = lengths[:1] if bool((lengths == lengths[0]).all()) else lengths
        places = torch.arange(new_tokens) + starts[:, None]
        cos, sin = self.net.model.model.rotary_emb(self.net.embedding, places)
        half = self.net.width // 2
        return torch.complex(cos[..., :half], sin[..., :half]).transpose(0, 1)[:, :, None].contiguous()

    def _allot(self, items: int, beams: int) -> None:
        """Buffers that all layers share, and the views of them that a layer needs."""
        net, rows = self.net, items * beams
        group, inner = net.heads // net.kv_heads, net.heads * net.width
        self.rows, self.beams, self.group = rows, beams, group
        self.normed = Normed(rows, net.embedding.shape[1], net.eps)
        self.mixed = torch.empty(rows, inner + 2 * net.kv_heads * net.width)
        pairs = torch.view_as_complex(self.mixed.view(rows, -1, net.width // 2, 2))
        self.pairs = pairs.narrow(1, 0, net.heads + net.kv_heads)
        fresh = self.mixed.narrow(1, inner, 2 * net.kv_heads * net.width)
        self.fresh = fresh.view(items, beams, 2, net.kv_heads, net.width).permute(2, 0, 3, 1, 4)
        asked = self.mixed.narrow(1, 0, inner).view(items, beams, net.kv_heads, group, net.width)
        self.asked = asked.transpose(1, 2)
        self.wide = torch.empty(rows, net.layers[0][2].shape[1])
        self.gate, self.up = self.wide.chunk(2, 1)

    def logits(self, tokens: Any) -> Any:
        """Of the token after `tokens`, (rows,), beams of an input side by side: (rows, vocabulary)."""
        net, items, rows = self.net, self.slots.items, len(tokens)
        if rows != self.rows:
            self._allot(items, rows // items)
        normed, shape = self.normed, (items * net.kv_heads, self.beams * self.group, net.width)
        fresh, keys, values = self.slots.advance(self.beams)
        bias, rotation = self._bias(), self.rotations[self.step]
        if self.beams > 1 and len(rotation) > 1:
            rotation = rotation.repeat_interleave(self.beams, 0)
        self.step += 1
        x = net.embedding.index_select(0, tokens)
        for at, (projections, out, gates, down) in enumerate(net.layers):
            torch.mm(normed(x), projections, out=self.mixed)
            self.pairs.mul_(rotation)
            fresh[at].copy_(self.fresh)
            seen = attend(self.asked.reshape(shape), keys[at], values[at], bias)
            x = torch.addmm(x, self._joined(seen), out)
            torch.mm(normed(x), gates, out=self.wide)
            x = torch.addmm(x, net.act(self.gate).mul_(self.up), down)
        return torch.mm(normed(x).mul_(net.norm), net.head)

    def _joined(self, seen: Any) -> Any:
        """(items * key heads, beams * group, width) to (rows, inner)."""
        if self.beams > 1:
            seen = seen.view(self.slots.items, self.net.kv_heads, self.beams, -1).transpose(1, 2)
        return seen.reshape(self.rows, -1)

    def _bias(self) -> Any:
        if self.slots.mask is None:
            return None
        shown = self.slots.mask.narrow(2, 0, self.slots.used)
        if self.group > 1:
            shown = shown.repeat_interleave(self.group, 1)
        return shown.repeat_interleave(self.net.kv_heads, 0) if self.net.kv_heads > 1 else shown

    def reorder(self, sources: Any) -> None:
        """See `Slots.reorder`."""
        self.slots.reorder(sources)

    def select(self, rows: Any) -> None:
        """See `Slots.select`."""
        self.slots.select(rows)
        self.rows = 0
        if self.rotations.shape[1] > 1:
            self.rotations = self.rotations.index_select(1, rows)
