"""Write a model as a Hugging Face directory whose bytes depend on the model alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textmill.files import read_json, replacing_directory, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "chat_template.jinja",
)  # fmt: skip


def save_model(
    model: PreTrainedModel, directory: str | os.PathLike[str], save_tokenizer: Callable[[Path], None]
) -> None:
    """Write config, safetensors weights and, by `save_tokenizer`, the tokenizer; whole or absent."""
    with replacing_directory(directory) as temporary:
        model.save_pretrained(temporary)
        config = read_json(temporary / "config.json")
        config.pop("_name_or_path", None)
        write_json(temporary / "config.json", config)
        save_tokenizer(temporary)


def copy_tokenizer(source: str | os.PathLike[str], directory: Path) -> None:
    """Copy the tokenizer files of one model directory to another."""
    for name in TOKENIZER_FILES:
        file = Path(source) / name
        if file.is_file():
            shutil.copyfile(file, directory / name)
