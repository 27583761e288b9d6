"""Text from an encoder-decoder, decoded greedily or by beam search in batches of similar length."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer


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

    Args:
        directory: a Hugging Face encoder-decoder with its tokenizer.
        inputs: texts; cut to `max_input_tokens`, or to what the model can read.
        beams: beam width, 1 is greedy; beams are ranked by mean log-probability per token.
        max_new_tokens: an output is cut after so many tokens.
        batch_tokens: padded input tokens of a batch, over all beams.
        threads: CPU threads.
        advance: told how many rows each batch finished.

    Raises:
        UserError: the directory holds no encoder-decoder.
    """
    import torch

    tokenizer = load_tokenizer(directory)
    model = load_model(directory, "Seq2SeqLM", threads)
    if not model.config.is_encoder_decoder:
        raise UserError(f"{directory}: expected an encoder-decoder, found {model.config.model_type}.")
    limit = input_limit(model, tokenizer, max_input_tokens)
    encoded = tokenizer(list(inputs), truncation=True, max_length=limit, return_token_type_ids=False)
    outputs = [""] * len(inputs)
    for rows in batches_by_length([len(ids) for ids in encoded["input_ids"]], batch_tokens // beams):
        features = {key: [values[row] for row in rows] for key, values in encoded.items()}
        batch = tokenizer.pad(features, return_tensors="pt")
        with torch.inference_mode():
            tokens = model.generate(
                **batch,
                num_beams=beams,
                do_sample=False,
                max_new_tokens=max_new_tokens,
                past_key_values=_beam_cache(),
            )
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
