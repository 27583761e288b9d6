"""Models to fine-tune: a base with its weights, or the same shape with random ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textmill.errors import UserError
from textmill.modeling.bases import PICKLED

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_tokenizer(base: str | os.PathLike[str]) -> PreTrainedTokenizerBase:
    """The tokenizer beside a model.

    Raises:
        UserError: the directory is missing or holds no tokenizer.
    """
    from transformers import AutoTokenizer

    if not (Path(base) / "config.json").is_file():
        raise UserError(
            f"{base}: expected a model directory with config.json, found none. Run the stage that writes it."
        )
    try:
        return AutoTokenizer.from_pretrained(base, local_files_only=True)
    except (OSError, ValueError) as error:
        raise UserError(f"{base}: expected a tokenizer beside the model, but {_first_line(error)}") from error


def load_model(
    base: str | os.PathLike[str],
    head: str,
    labels: list[str],
    dropout: float | None,
    is_random: bool,
    seed: int,
    problem: str | None = None,
) -> PreTrainedModel:
    """The model of a run; weights that the base lacks, or all when `is_random`, are drawn from `seed`.

    Args:
        base: a Hugging Face directory with safetensors weights.
        head: what is put on it, the end of a transformers class name: ``SequenceClassification`` and others
            fit any model that transformers has one for; ``CausalLM`` needs a decoder and ``Seq2SeqLM`` an
            encoder-decoder.
        labels: names of the classes, in order of their number; empty for a head without classes.
        dropout: replaces every dropout rate of the config, None keeps them.
        is_random: take the shape and not the weights.
        seed: of the random weights.
        problem: transformers' ``problem_type``, which its own loss goes by.

    Raises:
        UserError: the directory is no model of the needed kind, or has no whole safetensors weights.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    settings: dict[str, Any] = {"local_files_only": True}
    if labels:
        settings |= {"num_labels": len(labels), "id2label": dict(enumerate(labels))}
        settings["label2id"] = {label: number for number, label in enumerate(labels)}
    if problem is not None:
        settings["problem_type"] = problem
    try:
        config = transformers.AutoConfig.from_pretrained(base, **settings)
    except (OSError, ValueError) as error:
        raise UserError(f"{base}: expected a Hugging Face model, but {_first_line(error)}") from error
    auto: Any = getattr(transformers, f"AutoModelFor{head}")
    _check_head(base, head, auto, config)
    if dropout is not None:
        _set_dropout(config, dropout)
    torch.manual_seed(seed)
    if is_random:
        return auto.from_config(config, attn_implementation="eager")
    if not any(Path(base).glob("*.safetensors")):
        raise UserError(f"{base}: expected weights as safetensors, found none{_pickles(Path(base))}.")
    try:
        return auto.from_pretrained(
            base, config=config, local_files_only=True, use_safetensors=True, attn_implementation="eager",
            dtype=torch.float32,
        )  # fmt: skip
    except SafetensorError as error:
        raise UserError(f"{base}: expected whole safetensors weights, but {_first_line(error)}") from error


def _check_head(base: str | os.PathLike[str], head: str, auto: Any, config: Any) -> None:
    expected = ""
    if head == "Seq2SeqLM" and not config.is_encoder_decoder:
        expected = "an encoder-decoder or a decoder for generation"
    elif head == "CausalLM" and not _is_decoder(config):
        expected = "a decoder"
    elif type(config) not in auto._model_mapping:
        expected = f"a model that transformers has a class for {head} of"
    if expected:
        raise UserError(f"{base}: expected {expected}, found a {config.model_type} model.")


def _pickles(base: Path) -> str:
    pickled = sorted(path.name for path in base.iterdir() if path.name.endswith(PICKLED))
    if not pickled:
        return ""
    return (
        f"; {pickled[0]} is in a format that can run code when it is loaded and is not read. Convert the "
        "model with save_pretrained(safe_serialization=True) first"
    )


def is_decoder(base: str | os.PathLike[str]) -> bool:
    """Whether the directory's model writes on from its input, as GPT and Llama do."""
    from transformers import AutoConfig

    try:
        return _is_decoder(AutoConfig.from_pretrained(base, local_files_only=True))
    except (OSError, ValueError) as error:
        raise UserError(f"{base}: expected a Hugging Face model, but {_first_line(error)}") from error


def _is_decoder(config: Any) -> bool:
    name = (config.architectures or [""])[0]
    return not config.is_encoder_decoder and name.endswith(("ForCausalLM", "LMHeadModel"))


def _set_dropout(config: Any, rate: float) -> None:
    names = [
        name for name, value in config.to_dict().items() if "drop" in name and isinstance(value, int | float)
    ]
    for name in names:
        setattr(config, name, rate)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
