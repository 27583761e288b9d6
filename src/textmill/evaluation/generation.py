"""Text from an encoder-decoder or a decoder, in batches of similar length."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer, pretrained_kind
from textmill.modeling.decoding import Decoding, Generator
from textmill.modeling.prompts import prompt


def generate(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    beams: int = 1,
    max_new_tokens: int = 64,
    max_input_tokens: int = 512,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
    decoding: str = "torch",
) -> list[str]:
    """One output per input, without special tokens; nothing is sampled.

    A decoder is asked through its chat template, and what it writes after the request is the output.

    Args:
        directory: a Hugging Face encoder-decoder, or a decoder with a chat template, with its tokenizer.
        inputs: texts; cut to `max_input_tokens`, or to what the model can read.
        beams: beam width, 1 is greedy; beams are ranked by mean log-probability per token.
        max_new_tokens: an output is cut after so many tokens.
        batch_tokens: padded input tokens of a batch, over all beams.
        threads: CPU threads.
        advance: told how many rows each batch finished.
        decoding: ``torch``, the tokens of transformers' `generate`; or ``ctranslate2``, int8 weights.

    Raises:
        UserError: the directory holds no encoder-decoder, and no decoder that can be asked; or CTranslate2
            does not know the model.
    """
    tokenizer = load_tokenizer(directory)
    kind = pretrained_kind(directory)
    if kind == "encoder" or (kind == "decoder" and tokenizer.chat_template is None):
        raise UserError(
            f"{directory}: expected an encoder-decoder, or a decoder with a chat template, found "
            f"{'a decoder without' if kind == 'decoder' else 'an encoder'}."
        )
    model = load_model(directory, "Seq2SeqLM" if kind == "seq2seq" else "CausalLM", threads)
    encoded = _encoded(model, tokenizer, kind, inputs, max_input_tokens, max_new_tokens)
    settings = Decoding(max_new_tokens=max_new_tokens, beams=beams)
    generator = Generator(model) if decoding == "torch" else _int8(directory, tokenizer, kind, threads)
    outputs = [""] * len(inputs)
    for rows in batches_by_length([len(ids) for ids in encoded], batch_tokens // beams):
        found = generator([encoded[row] for row in rows], settings, rows)
        texts = tokenizer.batch_decode([best[0] for best in found], skip_special_tokens=True)
        for row, text in zip(rows, texts, strict=True):
            outputs[row] = text.strip()
        advance(len(rows))
    return outputs


def _encoded(
    model: Any, tokenizer: Any, kind: str, inputs: Sequence[str], max_input_tokens: int, max_new_tokens: int
) -> list[list[int]]:
    limit = input_limit(model, tokenizer, max_input_tokens)
    if kind == "seq2seq":
        return tokenizer(list(inputs), truncation=True, max_length=limit)["input_ids"]
    # Input and output share the positions the model was trained for.
    room = min(limit, input_limit(model, tokenizer, 1 << 30) - max_new_tokens)
    return [prompt(tokenizer, text, max(room, 1)) for text in inputs]


def _int8(directory: str | os.PathLike[str], tokenizer: Any, kind: str, threads: int) -> Any:
    from textmill.modeling.decoding.int8 import Int8Generator

    return Int8Generator(directory, tokenizer, kind == "seq2seq", threads)
