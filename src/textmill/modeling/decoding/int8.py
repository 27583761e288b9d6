"""Decode with CTranslate2 and int8 weights: faster on a CPU, with tokens that can differ from PyTorch's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textmill.errors import UserError
from textmill.modeling.decoding.settings import Decoding

PRECISION = "int8"
PATIENCE = 2.0


class Int8Generator:
    """Called as `Generator` is, with greedy and beam search only.

    Its beam search is CTranslate2's own. Left alone it ends once as many outputs as beams have ended, which
    costs two BLEU; `PATIENCE` times as many come close to transformers' rule (Kasai et al. 2022). Threads
    take batches side by side; several threads within one product are slower for small models.

    Args:
        directory: the model, as Hugging Face directory; it is converted into a temporary directory.
        tokenizer: its tokenizer.
        is_seq2seq: whether it is an encoder-decoder.
        threads: CPU threads.

    Raises:
        UserError: the extra is not installed, or CTranslate2 does not know the model's class.
    """

    def __init__(
        self, directory: str | os.PathLike[str], tokenizer: Any, is_seq2seq: bool, threads: int
    ) -> None:
        from textmill.modeling.exports.ctranslate2 import convert

        with tempfile.TemporaryDirectory() as scratch:
            convert(Path(directory), Path(scratch), PRECISION)
            import ctranslate2

            engine = ctranslate2.Translator if is_seq2seq else ctranslate2.Generator
            options = {"compute_type": PRECISION, "inter_threads": threads, "intra_threads": 1}
            self.engine = engine(scratch, device="cpu", **options)
        self.tokenizer, self.is_seq2seq = tokenizer, is_seq2seq

    def __call__(
        self, inputs: Sequence[Sequence[int]], settings: Decoding, rows: Sequence[int] | None = None
    ) -> list[list[list[int]]]:
        """See `Generator`.

        Raises:
            UserError: sampling is asked for.
        """
        if settings.is_sampled:
            raise UserError("temperature: expected 0 with ctranslate2: greedily or by beams only.")
        tokens = [self.tokenizer.convert_ids_to_tokens(list(ids)) for ids in inputs]
        common = {"beam_size": settings.beams, "num_hypotheses": settings.samples, "length_penalty": 1.0}
        if settings.beams > 1:
            common["patience"] = PATIENCE
        if self.is_seq2seq:
            found = self.engine.translate_batch(
                tokens, max_decoding_length=settings.max_new_tokens, max_input_length=0, **common
            )
            ids = self.tokenizer.convert_tokens_to_ids
            return [[ids(hypothesis) for hypothesis in result.hypotheses] for result in found]
        found = self.engine.generate_batch(
            tokens, max_length=settings.max_new_tokens, include_prompt_in_result=False, **common
        )
        return [[list(sequence) for sequence in result.sequences_ids] for result in found]
