"""The decoder of an encoder-decoder of T5's kind, one token a step, without the modules' overhead."""

from __future__ import annotations

from typing import Any

import torch

from textmill.modeling.decoding.slots import HIDDEN, Normed, Slots, attend


class T5:
    """The weights of a `T5ForConditionalGeneration` as a step multiplies with them.

    Norm weights are multiplied into the matrices behind them, and what scales the output into the last norm.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        config = model.config
        self.eps = config.layer_norm_epsilon
        self.heads, self.width = config.num_heads, config.d_kv
        self.embedding = model.decoder.embed_tokens.weight
        self.head = model.lm_head.weight.t()
        scale = config.d_model**-0.5 if config.scale_decoder_outputs else 1.0
        self.norm = model.decoder.final_layer_norm.weight * scale
        self.is_gated = config.is_gated_act
        self.act = model.decoder.block[0].layer[2].DenseReluDense.act
        self.layers = [self._layer(*block.layer) for block in model.decoder.block]
        sources = [block.layer[1].EncDecAttention for block in model.decoder.block]
        self.sources = [torch.cat([source.k.weight, source.v.weight]).t() for source in sources]

    def _layer(self, own: Any, cross: Any, forward: Any) -> tuple[Any, ...]:
        mine, source, dense = own.SelfAttention, cross.EncDecAttention, forward.DenseReluDense
        wide = torch.cat([dense.wi_0.weight, dense.wi_1.weight]) if self.is_gated else dense.wi.weight
        return (
            (torch.cat([mine.q.weight, mine.k.weight, mine.v.weight]) * own.layer_norm.weight).t(),
            mine.o.weight.t(),
            (source.q.weight * cross.layer_norm.weight).t(),
            source.o.weight.t(),
            (wide * forward.layer_norm.weight).t(),
            dense.wo.weight.t(),
        )

    def start(self, input_ids: Any, attention_mask: Any, new_tokens: int, beams: int) -> T5Run:
        """Read sources, (n, length), padded anywhere; `first` then has the logits of the first token."""
        return T5Run(self, input_ids, attention_mask, new_tokens, beams)


class T5Run:
    """A batch of sources being answered."""

    def __init__(self, net: T5, input_ids: Any, attention_mask: Any, new_tokens: int, beams: int) -> None:
        self.net, self.step, self.width = net, 0, beams
        items = len(input_ids)
        # The start token takes one slot that all beams share, each later token one slot a beam.
        slots = 1 + beams * (new_tokens - 1)
        self.slots = Slots(len(net.layers), items, net.heads, net.width, slots, beams)
        read = net.model.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        self.sources = [self._source(read, weights) for weights in net.sources]
        self.hidden: Any = None
        if not bool(attention_mask.all()):
            shown = torch.zeros(items, 1, input_ids.shape[1])
            self.hidden = shown.masked_fill_((attention_mask == 0)[:, None], HIDDEN)
        self.near = self._near(new_tokens)
        self._allot(items, 1)
        self.first = self.logits(torch.full((items,), net.model.generation_config.decoder_start_token_id))

    def _source(self, read: Any, weights: Any) -> Any:
        """Keys and values of the sources, (2, items, heads, length, width): one copy for all beams."""
        both = torch.mm(read.flatten(0, 1), weights).view(*read.shape[:2], 2, self.net.heads, self.net.width)
        return both.permute(2, 0, 3, 1, 4).contiguous()

    def _near(self, new_tokens: int) -> Any:
        """What T5 adds to scores by distance, (heads, slots), ending with a token's score of itself."""
        attention = self.net.model.decoder.block[0].layer[0].SelfAttention
        bias = attention.compute_bias(1, new_tokens, past_seen_tokens=new_tokens - 1)[0, :, 0]
        return bias.repeat_interleave(self.width, 1)

    def _allot(self, items: int, beams: int) -> None:
        """Buffers that all layers share, and the views of them that a layer needs."""
        net, rows, inner = self.net, items * beams, self.net.heads * self.net.width
        self.rows, self.beams = rows, beams
        self.normed = Normed(rows, net.embedding.shape[1], net.eps)
        self.mixed = torch.empty(rows, 3 * inner)
        fresh = self.mixed.narrow(1, inner, 2 * inner).view(items, beams, 2, net.heads, net.width)
        self.fresh = fresh.permute(2, 0, 3, 1, 4)
        self.own = self._by_head(self.mixed.narrow(1, 0, inner), items)
        self.query = torch.empty(rows, inner)
        self.asked = self._by_head(self.query, items)
        self.wide = torch.empty(rows, net.layers[0][4].shape[1])
        self.gate, self.up = self.wide.chunk(2, 1)
        keys_values = [source.flatten(1, 2).unbind(0) for source in self.sources]
        self.read = [(keys.transpose(1, 2), values) for keys, values in keys_values]
        self.shown = None
        if self.hidden is not None:
            self.shown = self.hidden.expand(-1, beams, -1).repeat_interleave(net.heads, 0)

    def _by_head(self, rows: Any, items: int) -> Any:
        return rows.view(items, self.beams, self.net.heads, self.net.width).transpose(1, 2)

    def logits(self, tokens: Any) -> Any:
        """Of the token after `tokens`, (rows,), beams of an input side by side: (rows, vocabulary)."""
        net, items, rows = self.net, self.slots.items, len(tokens)
        if rows != self.rows:
            self._allot(items, rows // items)
        normed, shape = self.normed, (items * net.heads, self.beams, net.width)
        fresh, keys, values = self.slots.advance(self.beams)
        bias = self._bias()
        self.step += 1
        x = net.embedding.index_select(0, tokens)
        for at, (projections, out, query, returned, wide, narrow) in enumerate(net.layers):
            torch.mm(normed(x), projections, out=self.mixed)
            fresh[at].copy_(self.fresh)
            seen = attend(self.own.reshape(shape), keys[at], values[at], bias)
            x = torch.addmm(x, self._joined(seen), out)
            torch.mm(normed(x), query, out=self.query)
            seen = attend(self.asked.reshape(shape), *self.read[at], self.shown)
            x = torch.addmm(x, self._joined(seen), returned)
            torch.mm(normed(x), wide, out=self.wide)
            inside = net.act(self.gate).mul_(self.up) if net.is_gated else net.act(self.wide)
            x = torch.addmm(x, inside, narrow)
        return torch.mm(normed(x).mul_(net.norm), net.head)

    def _joined(self, seen: Any) -> Any:
        """(items * heads, beams, width) to (rows, inner)."""
        if self.beams > 1:
            seen = seen.view(self.slots.items, self.net.heads, self.beams, -1).transpose(1, 2)
        return seen.reshape(self.rows, -1)

    def _bias(self) -> Any:
        """What is added to a step's own scores, (items * heads, beams, used)."""
        used = self.slots.used
        # The start token has one slot for all beams: its entry stands for the `width` that a token takes.
        near = self.near[:, -used:] if used > 1 else self.near[:, -1:]
        bias = near[None, :, None].expand(self.slots.items, -1, self.beams, -1)
        if self.slots.mask is not None:
            bias = bias + self.slots.mask.narrow(2, 0, used)[:, None]
        return bias.reshape(-1, self.beams, used)

    def reorder(self, sources: Any) -> None:
        """See `Slots.reorder`."""
        self.slots.reorder(sources)

    def select(self, rows: Any) -> None:
        """See `Slots.select`."""
        self.slots.select(rows)
        self.rows = 0
        self.sources = [source.index_select(1, rows) for source in self.sources]
        if self.hidden is not None:
            self.hidden = self.hidden.index_select(0, rows)
