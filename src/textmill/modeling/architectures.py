"""Models to pretrain: Hugging Face classes, so that `from_pretrained` alone loads what is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textmill.tokenization.special import BOS, EOS, MASK, PAD, SEP

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Architecture = Literal["decoder", "encoder", "seq2seq"]


@dataclass(frozen=True)
class Shape:
    """The size of a model: see the keys of the same names in `textmill.config.pretrain`."""

    layers: int
    hidden: int
    heads: int
    feed_forward: int
    positions: int
    vocab_size: int


def build(architecture: Architecture, shape: Shape) -> PreTrainedModel:
    """A model with random weights drawn from torch's generator.

    decoder is Llama (Touvron et al. 2023), encoder ModernBERT (Warner et al. 2024) with attention over the
    whole window, seq2seq T5 (Raffel et al. 2020). None uses dropout: one pass over the text leaves
    nothing to overfit.
    """
    return {"decoder": _llama, "encoder": _modernbert, "seq2seq": _t5}[architecture](shape)


def _llama(shape: Shape) -> PreTrainedModel:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=shape.positions,
            tie_word_embeddings=False,
            **COMMON,
        )
    )
    # Blocks that start as the identity and a head that starts uniform let a high learning rate work from
    # the first step (Zhang et al. 2019; nanochat).
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.model.embed_tokens.weight.normal_(0, 0.5)
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    return model


def _modernbert(shape: Shape) -> PreTrainedModel:
    from transformers import ModernBertConfig, ModernBertForMaskedLM

    config = ModernBertConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.positions,
        layer_types=["full_attention"] * shape.layers,
        classifier_pooling="mean",
        cls_token_id=BOS,
        sep_token_id=SEP,
        **COMMON,
        **MASKING,
    )
    return ModernBertForMaskedLM(config)


def _t5(shape: Shape) -> PreTrainedModel:
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=shape.vocab_size,
        d_model=shape.hidden,
        d_kv=shape.hidden // shape.heads,
        d_ff=shape.feed_forward,
        num_layers=shape.layers,
        num_heads=shape.heads,
        feed_forward_proj="relu",
        dropout_rate=0.0,
        **COMMON,
        **GENERATING,
    )
    config.n_positions = shape.positions
    return T5ForConditionalGeneration(config)


# At short contexts explicit attention is faster on a CPU than the fused kernel: its backward pass takes a
# quarter of a step.
COMMON: dict[str, Any] = {
    "attn_implementation": "eager",
    "pad_token_id": PAD,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
}
MASKING: dict[str, Any] = {"mask_token_id": MASK}
GENERATING: dict[str, Any] = {"decoder_start_token_id": PAD}


def count_parameters(model: PreTrainedModel) -> int:
    """Weights, tied ones once."""
    return sum(weight.numel() for weight in model.parameters())
