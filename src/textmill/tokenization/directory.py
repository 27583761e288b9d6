"""A tokenizer as a Hugging Face directory, written and read without importing transformers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textmill.errors import UserError
from textmill.files import replacing, write_json
from textmill.tokenization.special import BOS, EOS, SPECIAL_TOKENS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Framing = Literal["none", "decoder", "encoder", "seq2seq"]

TEMPLATES: dict[str, tuple[str, list[tuple[str, int]]]] = {
    "encoder": ("<bos> $A <eos>", [("<bos>", BOS), ("<eos>", EOS)]),
    "seq2seq": ("$A <eos>", [("<eos>", EOS)]),
}
"""What a model's own tokenizer puts around a text; a decoder's adds nothing."""


def save_tokenizer(
    tokenizer: Tokenizer,
    directory: str | os.PathLike[str],
    framing: Framing = "none",
    max_length: int | None = None,
) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`, which `AutoTokenizer.from_pretrained` loads.

    Args:
        tokenizer: ids 0–37 are the special tokens of `textmill.tokenization.special`.
        directory: created when absent.
        framing: the kind of model it is saved beside, which decides what is put around a text.
        max_length: the longest input of that model in tokens.
    """
    from tokenizers import Tokenizer as Copy
    from tokenizers.processors import TemplateProcessing

    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    saved = Copy.from_str(tokenizer.to_str())
    if framing in TEMPLATES:
        single, tokens = TEMPLATES[framing]
        saved.post_processor = TemplateProcessing(single=single, special_tokens=tokens)
    with replacing(folder / "tokenizer.json") as temporary:
        temporary.write_text(saved.to_str(pretty=True), encoding="utf-8")
    config: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
        "sep_token": "<sep>",
        "clean_up_tokenization_spaces": False,
        "model_input_names": ["input_ids", "attention_mask"],
    }
    if max_length is not None:
        config["model_max_length"] = max_length
    write_json(folder / "tokenizer_config.json", config)


def load_tokenizer(directory: str | os.PathLike[str]) -> Tokenizer:
    """Read a tokenizer that `save_tokenizer` wrote.

    Raises:
        UserError: the directory holds no tokenizer, or its special tokens are not this project's.
    """
    from tokenizers import Tokenizer

    path = Path(directory) / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{path}: not found; expected the tokenizer that the tokenizer stage writes.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for unreadable files
        raise UserError(f"{path}: expected a tokenizer, but {error}.") from error
    for index, token in enumerate(SPECIAL_TOKENS):
        if tokenizer.token_to_id(token) != index:
            raise UserError(
                f"{path}: expected the special token {token} with id {index}, "
                f"found id {tokenizer.token_to_id(token)}."
            )
    return tokenizer
