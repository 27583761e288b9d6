"""GGUF: one file with weights and tokenizer, for llama.cpp and what is built on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from textmill.errors import UserError
from textmill.modeling.exports.extras import needed
from textmill.modeling.exports.subject import Subject

FILE = "model.gguf"
ARCHITECTURE = "llama"
# Kinds of token in llama.cpp.
NORMAL, CONTROL = 1, 3
WORD_PATTERN = "gpt-2"
"""llama.cpp's name of the pattern that splits text into words before bytes are merged."""


def write(subject: Subject, target: Path) -> None:
    """Write a decoder of Llama's kind with a byte-level BPE tokenizer, in float32.

    Raises:
        UserError: the extra is not installed, or model or tokenizer are of another kind.
    """
    needed("gguf")
    import gguf

    if subject.name != "LlamaForCausalLM":
        raise UserError(
            f"{subject.directory}: expected LlamaForCausalLM for gguf, found {subject.name}, for which this "
            "project writes no GGUF."
        )
    _check(subject)
    writer = gguf.GGUFWriter(target / FILE, ARCHITECTURE)
    _describe(writer, subject)
    _add_tokenizer(writer, subject)
    tied = subject.model.config.tie_word_embeddings
    for name, tensor in subject.model.state_dict().items():
        if tied and name == "lm_head.weight":
            continue
        writer.add_tensor(_name(name), _turned(name, tensor, subject.model.config).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def difference(subject: Subject, target: Path) -> float:
    """The largest difference between a logit of the model and of what transformers reads from the file.

    Raises:
        UserError: the tokenizer that it reads splits a text otherwise.
    """
    import torch
    import transformers

    again = transformers.AutoModelForCausalLM.from_pretrained(target, gguf_file=FILE, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(target, gguf_file=FILE)
    text = "Save 12 files, they're open.  保存文件。"
    expected = subject.tokenizer(text, add_special_tokens=False)["input_ids"]
    if tokenizer(text, add_special_tokens=False)["input_ids"] != expected:
        raise UserError(f"{subject.directory}: read back from GGUF, its tokenizer splits a text otherwise.")
    inputs = subject.probe()
    return float((subject.logits(inputs) - subject.logits(inputs, again.eval())).abs().max())


def _check(subject: Subject) -> None:
    config = subject.model.config
    if config.attention_bias or config.mlp_bias or config.rope_parameters["rope_type"] != "default":
        raise UserError(
            f"{subject.directory}: expected a Llama without biases and with plain rotary embeddings for gguf."
        )
    backend = json.loads(subject.tokenizer.backend_tokenizer.to_str())
    words = backend["pre_tokenizer"] or {}
    plain = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
    if backend["model"]["type"] != "BPE" or {key: words.get(key) for key in plain} != plain:
        raise UserError(
            f"{subject.directory}: expected a byte-level BPE tokenizer with GPT-2's word pattern for gguf."
        )


def _describe(writer: Any, subject: Subject) -> None:
    config = subject.model.config
    writer.add_name(subject.directory.name)
    writer.add_file_type(0)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)


def _add_tokenizer(writer: Any, subject: Subject) -> None:
    tokenizer, size = subject.tokenizer, subject.model.config.vocab_size
    names = {number: token for token, number in tokenizer.get_vocab().items()}
    special = set(tokenizer.all_special_ids) | {
        number for number, token in tokenizer.added_tokens_decoder.items() if token.special
    }
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(WORD_PATTERN)
    writer.add_token_list([names.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(
        [CONTROL if number in special or number not in names else NORMAL for number in range(size)]
    )
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    for add, number in (
        (writer.add_bos_token_id, tokenizer.bos_token_id),
        (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_sep_token_id, tokenizer.sep_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id),
    ):
        if number is not None:
            add(number)
    framed = tokenizer("a")["input_ids"]
    writer.add_add_bos_token(framed[0] == tokenizer.bos_token_id)
    writer.add_add_eos_token(framed[-1] == tokenizer.eos_token_id)
    if tokenizer.chat_template:
        writer.add_chat_template(tokenizer.chat_template)


def _name(name: str) -> str:
    """The name of a tensor in GGUF: `model.layers.0.mlp.up_proj.weight` is `blk.0.ffn_up.weight`."""
    fixed = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in fixed:
        return fixed[name]
    _, _, layer, part = name.split(".", 3)
    parts = {
        "input_layernorm": "attn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    return f"blk.{layer}.{parts[part.removesuffix('.weight')]}.weight"


def _turned(name: str, tensor: Any, config: Any) -> Any:
    """llama.cpp rotates neighbours where transformers rotates halves: interleave the rows of each head."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = heads.get(name.split(".")[-2])
    if count is None:
        return tensor.contiguous()
    split = tensor.reshape(count, 2, tensor.shape[0] // count // 2, *tensor.shape[1:])
    return split.transpose(1, 2).reshape(tensor.shape).contiguous()
