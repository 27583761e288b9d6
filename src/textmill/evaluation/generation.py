"""Text from an encoder-decoder or a decoder, greedily or by beam search, in batches of similar length."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer, pretrained_kind
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

    Raises:
        UserError: the directory holds no encoder-decoder, and no decoder that can be asked.
    """
    import torch

    tokenizer = load_tokenizer(directory)
    kind = pretrained_kind(directory)
    if kind == "encoder" or (kind == "decoder" and tokenizer.chat_template is None):
        raise UserError(
            f"{directory}: expected an encoder-decoder, or a decoder with a chat template, found "
            f"{'a decoder without' if kind == 'decoder' else 'an encoder'}."
        )
    model = load_model(directory, "Seq2SeqLM" if kind == "seq2seq" else "CausalLM", threads)
    limit = input_limit(model, tokenizer, max_input_tokens)
    if kind == "seq2seq":
        encoded = tokenizer(list(inputs), truncation=True, max_length=limit)["input_ids"]
    else:
        room = min(limit, input_limit(model, tokenizer, 1 << 30) - max_new_tokens)
        encoded = [prompt(tokenizer, text, max(room, 1)) for text in inputs]
        tokenizer.padding_side = "left"
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    outputs = [""] * len(inputs)
    for rows in batches_by_length([len(ids) for ids in encoded], batch_tokens // beams):
        batch = tokenizer.pad({"input_ids": [encoded[row] for row in rows]}, return_tensors="pt")
        own = (
            {"past_key_values": _beam_cache()}
            if kind == "seq2seq"
            else {"pad_token_id": tokenizer.pad_token_id}
        )
        with torch.inference_mode():
            tokens = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                num_beams=beams,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                **own,
            )
        if kind == "decoder":
            tokens = tokens[:, batch["input_ids"].shape[1] :]
        texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
        for row, text in zip(rows, texts, strict=True):
            outputs[row] = text.strip()
        advance(len(rows))
    return outputs


def _beam_cache() -> Any:
    """A cache that leaves the keys of the source in place when beams change places.

    All beams of an input read the same source, so moving its keys copies equal values; without that, beam
    search takes a fifth less time.
    """
    from transformers import DynamicCache, EncoderDecoderCache

    class BeamCache(EncoderDecoderCache):
        def reorder_cache(self, beam_idx: Any) -> None:
            self.self_attention_cache.reorder_cache(beam_idx)

    return BeamCache(DynamicCache(), DynamicCache())
