"""Where each head of a model looks: attention of every layer on one text."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textmill.errors import UserError
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

HEADS = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MaskedLM", "CausalLM")


@dataclass(frozen=True)
class Attention:
    """`weights` float32 (layers, heads, tokens, tokens): how much row looks at column, each row sums to 1."""

    tokens: list[str]
    weights: npt.NDArray[np.float32]


def attention_of(
    directory: str | os.PathLike[str], text: str, max_tokens: int = 64, threads: int = 1
) -> Attention:
    """The attention of a model on the first `max_tokens` tokens of `text`.

    Raises:
        UserError: the directory holds no encoder or decoder, or the model tells no attention.
    """
    import numpy as np
    import torch
    from transformers import AutoConfig

    tokenizer = load_tokenizer(directory)
    name = (AutoConfig.from_pretrained(directory, local_files_only=True).architectures or ["none"])[0]
    head = next((each for each in HEADS if name.endswith(each) or name.endswith("LMHeadModel")), None)
    if head is None:
        raise UserError(f"{directory}: expected an encoder or decoder, found {name}.")
    model = load_model(directory, "CausalLM" if name.endswith("LMHeadModel") else head, threads)
    model.set_attn_implementation("eager")
    encoded = tokenizer(
        text, truncation=True, max_length=input_limit(model, tokenizer, max_tokens), return_tensors="pt"
    )
    with torch.inference_mode():
        found = model(**encoded, output_attentions=True).attentions
    if not found:
        raise UserError(f"{directory}: {name} does not tell its attention.")
    ids = encoded["input_ids"][0].tolist()
    return Attention(
        [_shown(tokenizer, token) for token in ids], np.stack([each[0].numpy() for each in found])
    )


def _shown(tokenizer: object, token: int) -> str:
    """A token as a reader knows it; part of a character as its byte-level name."""
    decoded = tokenizer.decode([token], clean_up_tokenization_spaces=False)  # type: ignore[attr-defined]
    if "\ufffd" in decoded or not decoded.strip():
        return str(tokenizer.convert_ids_to_tokens(token))  # type: ignore[attr-defined]
    return decoded.strip()
