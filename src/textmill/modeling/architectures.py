"""Models to pretrain: Hugging Face classes, so that `from_pretrained` alone loads what is saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from textmill.tokenization.special import BOS, EOS, MASK, PAD, SEP

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Architecture = Literal["decoder", "encoder", "seq2seq"]
Style = Literal["llama", "gpt2", "modernbert", "bert", "t5", "bart"]

DEFAULT_STYLE: dict[str, Style] = {"decoder": "llama", "encoder": "modernbert", "seq2seq": "t5"}


@dataclass(frozen=True)
class Shape:
    """The size of a model: see the keys of the same names in `textmill.config.pretrain`."""

    layers: int
    hidden: int
    heads: int
    feed_forward: int
    positions: int
    vocab_size: int


def build(architecture: Architecture, shape: Shape, style: Style | None = None) -> PreTrainedModel:
    """A model with random weights drawn from torch's generator.

    decoder is Llama (Touvron et al. 2023) or GPT-2 (Radford et al. 2019), encoder ModernBERT (Warner et al.
    2024) with attention over the whole window or BERT (Devlin et al. 2019), seq2seq T5 (Raffel et al. 2020)
    or BART (Lewis et al. 2020); the first of each unless `style` says otherwise. None uses dropout: one pass
    over the text leaves nothing to overfit.
    """
    makers = {
        "llama": _llama, "gpt2": _gpt2, "modernbert": _modernbert, "bert": _bert, "t5": _t5, "bart": _bart
    }  # fmt: skip
    return makers[style or DEFAULT_STYLE[architecture]](shape)


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


def _gpt2(shape: Shape) -> PreTrainedModel:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=shape.vocab_size,
            n_embd=shape.hidden,
            n_inner=shape.feed_forward,
            n_layer=shape.layers,
            n_head=shape.heads,
            n_positions=shape.positions,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            **COMMON,
        )
    )
    # As in `_llama`: blocks start as the identity. The head shares its weights with the embedding.
    blocks: Any = model.transformer.h
    with torch.no_grad():
        for layer in blocks:
            layer.attn.c_proj.weight.zero_()
            layer.mlp.c_proj.weight.zero_()
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


def _bert(shape: Shape) -> PreTrainedModel:
    from transformers import BertConfig, BertForMaskedLM

    config = BertConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **COMMON,
        **MASKING,
    )
    return BertForMaskedLM(config)


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


def _bart(shape: Shape) -> PreTrainedModel:
    from transformers import BartConfig, BartForConditionalGeneration

    config = BartConfig(
        vocab_size=shape.vocab_size,
        d_model=shape.hidden,
        encoder_layers=shape.layers,
        decoder_layers=shape.layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=shape.feed_forward,
        decoder_ffn_dim=shape.feed_forward,
        max_position_embeddings=shape.positions,
        dropout=0.0,
        forced_eos_token_id=None,
        **COMMON,
        **GENERATING,
    )
    return BartForConditionalGeneration(config)


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


def learned_positions(config: Any) -> int | None:
    """How many positions the model has a learned vector for; None where positions are relative."""
    return config.max_position_embeddings if config.model_type in ("gpt2", "bert", "bart") else None
