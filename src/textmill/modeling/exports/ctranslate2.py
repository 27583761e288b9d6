"""CTranslate2: a C++ runtime for CPUs and GPUs."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

from textmill.errors import UserError
from textmill.modeling.exports.extras import needed
from textmill.modeling.exports.subject import Subject

STEPS = 8
FORBIDDEN = -1e30


def write(subject: Subject, target: Path) -> None:
    """Convert to float32 with CTranslate2's own converter, and write the tokenizer beside it.

    Raises:
        UserError: the extra is not installed, or CTranslate2 does not run or know this kind of model.
    """
    if subject.kind not in ("decoder", "seq2seq"):
        raise UserError(
            f"{subject.directory}: expected a decoder or an encoder-decoder for ctranslate2, found "
            f"{subject.name}; CTranslate2 runs encoders without their head."
        )
    convert(subject.directory, target, "float32")
    subject.tokenizer.save_pretrained(target)


def convert(directory: Path, target: Path, quantization: str) -> None:
    """Write the model in `directory` to `target`, which may exist, in a precision such as ``int8``.

    Raises:
        UserError: as `write`.
    """
    needed("ctranslate2")
    from ctranslate2.converters import TransformersConverter

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            TransformersConverter(str(directory)).convert(str(target), quantization=quantization, force=True)
    except (ValueError, KeyError, AttributeError, NotImplementedError) as error:
        reason = str(error).partition(" (supported")[0].strip() or type(error).__name__
        raise UserError(f"{directory}: CTranslate2's converter does not know this model: {reason}") from error


def difference(subject: Subject, target: Path) -> float:
    """The largest difference between a logit of the model and of CTranslate2.

    A decoder reads the probe; an encoder-decoder answers it greedily for some tokens, and PyTorch is given
    the same tokens.
    """
    inputs = subject.probe()
    if subject.kind == "decoder":
        return _of_decoder(subject, target, inputs)
    return _of_seq2seq(subject, target, inputs)


def _of_decoder(subject: Subject, target: Path, inputs: tuple[Any, ...]) -> float:
    import ctranslate2
    import numpy as np
    import torch

    generator = ctranslate2.Generator(str(target), device="cpu", compute_type="float32", intra_threads=1)
    found = torch.from_numpy(np.array(generator.forward_batch(inputs[0].tolist())))
    return float((found.float() - subject.logits(inputs)).abs().max())


def _of_seq2seq(subject: Subject, target: Path, inputs: tuple[Any, ...]) -> float:
    import ctranslate2
    import numpy as np
    import torch

    translator = ctranslate2.Translator(str(target), device="cpu", compute_type="float32", intra_threads=1)
    names = subject.tokenizer.convert_ids_to_tokens
    answers = translator.translate_batch(
        [names(row) for row in inputs[0].tolist()],
        beam_size=1,
        min_decoding_length=STEPS,
        max_decoding_length=STEPS,
        return_logits_vocab=True,
    )
    worst = 0.0
    for row, answer in enumerate(answers):
        written = subject.tokenizer.convert_tokens_to_ids(answer.hypotheses[0])
        given = torch.tensor([[subject.model.config.decoder_start_token_id, *written]])[:, :STEPS]
        expected = subject.logits((inputs[0][row : row + 1], inputs[1][row : row + 1], given))[0]
        found = torch.from_numpy(np.stack([np.array(step) for step in answer.logits[0]])[:STEPS])
        # The end token is forbidden here, so that there is something to compare.
        apart = (found.float() - expected[: len(found)]).abs().where(found > FORBIDDEN, 0)
        worst = max(worst, float(apart.max()))
    return worst
