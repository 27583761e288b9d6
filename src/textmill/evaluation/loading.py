"""Load a Hugging Face directory for evaluation: local files only, fp32, no dropout, no noise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from textmill.allocator import tune_allocator
from textmill.errors import UserError


def load_tokenizer(directory: str | os.PathLike[str]) -> Any:
    """The fast tokenizer of a model directory.

    Raises:
        UserError: the directory has none that loads.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(_unreadable(directory, "a tokenizer", error)) from error


def load_model(directory: str | os.PathLike[str], head: str, threads: int) -> Any:
    """A model in evaluation mode, computing on `threads` CPU threads.

    Args:
        directory: `config.json` and safetensors.
        head: the transformers auto class without ``AutoModelFor``, such as ``CausalLM``.
        threads: fixed, because sums over another number of threads differ in the last bits.

    Raises:
        UserError: the directory holds no such model.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    tune_allocator()
    torch.set_num_threads(threads)
    transformers.logging.disable_progress_bar()
    auto = getattr(transformers, f"AutoModelFor{head}")
    try:
        model = auto.from_pretrained(
            directory, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UserError(_unreadable(directory, f"a model for {head}", error)) from error
    return model.eval()


def input_limit(model: Any, tokenizer: Any, wanted: int) -> int:
    """Tokens an input may have, special ones included: `wanted`, unless model or tokenizer take fewer."""
    limits = [getattr(model.config, name, None) for name in ("max_position_embeddings", "n_positions")]
    return min([wanted, int(tokenizer.model_max_length)] + [int(limit) for limit in limits if limit])


def holds_model(directory: str | os.PathLike[str]) -> bool:
    """Whether a model, not only a note on why there is none, is in the directory."""
    return (Path(directory) / "config.json").is_file()


def _unreadable(directory: str | os.PathLike[str], what: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{directory}: expected {what} in Hugging Face layout, but {reason}"


def pretrained_kind(directory: str | os.PathLike[str]) -> str:
    """``decoder``, ``encoder`` or ``seq2seq``, by the model's config.

    Raises:
        UserError: there is no readable config, or it is of another kind of model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(_unreadable(directory, "a model", error)) from error
    name = (config.architectures or ["none"])[0]
    if config.is_encoder_decoder:
        return "seq2seq"
    if name.endswith("ForMaskedLM"):
        return "encoder"
    if name.endswith(("ForCausalLM", "LMHeadModel")):
        return "decoder"
    raise UserError(f"{directory}: expected a pretrained language model, found {name}.")


def frame(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer puts before and after a text of its own accord."""
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    at = next(at for at in range(len(framed)) if framed[at : at + len(plain)] == plain)
    return framed[:at], framed[at + len(plain) :]


def sentinels(tokenizer: Any) -> list[int]:
    """Ids of ``<extra_0>``, ``<extra_1>``, … in order.

    Raises:
        UserError: the tokenizer has none.
    """
    vocabulary = tokenizer.get_vocab()
    found: list[int] = []
    while f"<extra_{len(found)}>" in vocabulary:
        found.append(vocabulary[f"<extra_{len(found)}>"])
    if not found:
        raise UserError("the tokenizer has no <extra_0>, <extra_1>, … for hidden spans.")
    return found
