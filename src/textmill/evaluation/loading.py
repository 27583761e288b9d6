"""Load a Hugging Face directory for evaluation: local files only, fp32, no dropout, no noise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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

    torch.set_num_threads(threads)
    transformers.logging.disable_progress_bar()
    auto = getattr(transformers, f"AutoModelFor{head}")
    try:
        model = auto.from_pretrained(
            directory, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(_unreadable(directory, f"a model for {head}", error)) from error
    return model.eval()


def input_limit(model: Any, tokenizer: Any, wanted: int) -> int:
    """Tokens an input may have: `wanted`, unless model or tokenizer take fewer."""
    positions = getattr(model.config, "max_position_embeddings", None) or wanted
    return min(wanted, int(positions), int(tokenizer.model_max_length))


def holds_model(directory: str | os.PathLike[str]) -> bool:
    """Whether a model, not only a note on why there is none, is in the directory."""
    return (Path(directory) / "config.json").is_file()


def _unreadable(directory: str | os.PathLike[str], what: str, error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{directory}: expected {what} in Hugging Face layout, but {reason}"
