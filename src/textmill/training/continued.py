"""Models that are pretrained further: a base's weights, if it fits the corpus's tokenizer and the params."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textmill.config.pretrain import LEARNED, SIZES, STYLES, Pretrain
from textmill.errors import UserError
from textmill.files import read_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HEADS = {"decoder": "CausalLM", "encoder": "MaskedLM", "seq2seq": "Seq2SeqLM"}
_NAMES = {
    "layers": ("num_hidden_layers", "num_layers"),
    "hidden": ("hidden_size", "d_model"),
    "heads": ("num_attention_heads", "num_heads"),
    "feed_forward": ("intermediate_size", "n_inner", "encoder_ffn_dim", "d_ff"),
}


def resolved(params: Pretrain) -> Pretrain:
    """`params` with the style and the exercise of the base, where they name none themselves.

    Raises:
        UserError: the base is no Hugging Face model.
    """
    if not params.goes_on:
        return params
    config = _config(params.base)
    found: dict[str, Any] = {}
    if params.style is None and config.model_type in STYLES[params.architecture]:
        found["style"] = config.model_type
    if params.denoising is None and hasattr(config, "denoising"):
        found["denoising"] = config.denoising
    return params.model_copy(update=found)


def load_base(params: Pretrain, tokenizer: str | os.PathLike[str]) -> PreTrainedModel:
    """The model in `params.base` with its weights, in fp32.

    Args:
        params: whose architecture, style, sizes and context the base has to fit.
        tokenizer: directory of the tokenizer that the corpus was encoded with.

    Raises:
        UserError: the directory holds no such model, its tokenizer gives other ids, its sizes are not those
            of the params, or it has too few positions for the context.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    base, config = params.base, _config(params.base)
    check_tokenizer(base, tokenizer, config.vocab_size)
    _check_config(params, config)
    if not any(Path(base).glob("*.safetensors")):
        raise UserError(f"{base}: expected weights as safetensors, found none.")
    auto = getattr(transformers, f"AutoModelFor{HEADS[params.architecture]}")
    try:
        return auto.from_pretrained(
            base, config=config, local_files_only=True, use_safetensors=True, attn_implementation="eager",
            dtype=torch.float32,
        )  # fmt: skip
    except SafetensorError as error:
        raise UserError(f"{base}: expected whole safetensors weights, but {error}") from error


def _config(base: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(base, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{base}: expected a Hugging Face model to go on from, but {str(error).strip().splitlines()[0]}"
        ) from error


def check_tokenizer(base: str, tokenizer: str | os.PathLike[str], vocab_size: int) -> None:
    """Refuse a base to which the ids of the corpus mean other tokens.

    Raises:
        UserError: names both tokenizers and the first token whose id differs.
    """
    from tokenizers import Tokenizer

    path = Path(base) / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path}: not found; expected the tokenizer of {tokenizer} beside the weights.")
    ours = Tokenizer.from_file(str(Path(tokenizer) / "tokenizer.json")).get_vocab()
    theirs = Tokenizer.from_file(str(path)).get_vocab()
    for token, number in sorted(ours.items(), key=lambda pair: pair[1]):
        if theirs.get(token) != number:
            other = f"the id {theirs[token]}" if token in theirs else "no id"
            raise UserError(
                f"{base}: its tokenizer has {len(theirs):,} tokens and gives {token!r} {other}, but the "
                f"corpus was encoded by {tokenizer} with {len(ours):,}, where it is {number}; expected the "
                "same tokenizer. "
                "Fine-tune this base instead, or go on from a model that was pretrained here."
            )
    models = [read_json(Path(folder) / "tokenizer.json")["model"] for folder in (base, tokenizer)]
    if len(theirs) != len(ours) or models[0].get("merges") != models[1].get("merges"):
        raise UserError(
            f"{base}: its tokenizer parts texts otherwise than {tokenizer}, which encoded the corpus; "
            "expected the same."
        )
    if vocab_size < len(ours):
        raise UserError(
            f"{base}: embeds {vocab_size:,} tokens; expected at least the {len(ours):,} of {tokenizer}."
        )


def _check_config(params: Pretrain, config: Any) -> None:
    name = (config.architectures or ["none"])[0]
    kind = "encoder" if name.endswith("ForMaskedLM") else "decoder"
    kind = "seq2seq" if config.is_encoder_decoder else kind
    if kind != params.architecture or (params.style and params.style != config.model_type):
        wanted = params.style or params.architecture
        raise UserError(f"{params.base}: expected a pretrained {wanted} model, found {name}.")
    for key in SIZES:
        found = next((getattr(config, name) for name in _NAMES[key] if getattr(config, name, None)), None)
        if found is not None and getattr(params, key) not in (None, found):
            raise UserError(
                f"params.yaml: pretrain: {key}: {params.base} has {found}, expected {getattr(params, key)}. "
                "Leave the sizes of a base out."
            )
    positions = getattr(config, "max_position_embeddings", None)
    if positions and params.longest_input > positions:
        if config.model_type in LEARNED:
            raise UserError(
                f"params.yaml: pretrain: context: {params.base} has vectors for {positions} positions; "
                f"expected at least {params.longest_input}. Lower context."
            )
        config.max_position_embeddings = params.longest_input
