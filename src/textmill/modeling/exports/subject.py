"""The model to export, and the logits that every export of it is held against."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from textmill.errors import UserError

Kind = Literal["decoder", "seq2seq", "classifier", "masked"]
HEADS: dict[Kind, str] = {
    "decoder": "CausalLM",
    "seq2seq": "Seq2SeqLM",
    "classifier": "SequenceClassification",
    "masked": "MaskedLM",
}
PROBE_TOKENS = 24


@dataclass(frozen=True)
class Subject:
    """A model in float32, its tokenizer, and where both came from."""

    directory: Path
    kind: Kind
    model: Any
    tokenizer: Any

    @property
    def name(self) -> str:
        """Its class in transformers."""
        return type(self.model).__name__

    def probe(self) -> tuple[Any, ...]:
        """Fixed inputs without padding: ids and mask (2, n), and ids (2, m) for the decoder of a seq2seq."""
        import torch

        random = torch.Generator().manual_seed(0)
        limits = (
            getattr(self.model.config, name, None) for name in ("max_position_embeddings", "n_positions")
        )
        length = min([PROBE_TOKENS, *(limit for limit in limits if limit)])
        vocabulary = min(self.model.config.vocab_size, len(self.tokenizer))
        ids = torch.randint(vocabulary, (2, length), generator=random)
        inputs = (ids, torch.ones_like(ids))
        if self.kind != "seq2seq":
            return inputs
        answers = torch.randint(vocabulary, (2, length // 2), generator=random)
        answers[:, 0] = self.model.config.decoder_start_token_id
        return (*inputs, answers)

    def logits(self, inputs: tuple[Any, ...], model: Any = None) -> Any:
        """What the model, or another of its class, answers to `inputs` of `probe`; float32."""
        import torch

        names = ("input_ids", "attention_mask", "decoder_input_ids")
        with torch.inference_mode():
            return (model or self.model)(**dict(zip(names, inputs, strict=False))).logits.float()


def load(directory: str | os.PathLike[str]) -> Subject:
    """Read a Hugging Face directory, weights from safetensors alone.

    Raises:
        UserError: it holds no such model, or one whose head is none of `HEADS`.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    transformers.logging.disable_progress_bar()
    local = {"local_files_only": True}
    try:
        config = transformers.AutoConfig.from_pretrained(directory, **local)
        kind = _kind(str(directory), config)
        auto = getattr(transformers, f"AutoModelFor{HEADS[kind]}")
        model = auto.from_pretrained(directory, use_safetensors=True, dtype=torch.float32, **local)
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory, **local)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"{directory}: expected a model and its tokenizer in Hugging Face layout, but {reason}"
        ) from error
    return Subject(Path(directory), kind, model.eval(), tokenizer)


def _kind(directory: str, config: Any) -> Kind:
    name = (config.architectures or ["none"])[0]
    if name.endswith("ForSequenceClassification"):
        return "classifier"
    if name.endswith("ForMaskedLM"):
        return "masked"
    if name.endswith("ForConditionalGeneration") and config.is_encoder_decoder:
        return "seq2seq"
    if name.endswith(("ForCausalLM", "LMHeadModel")):
        return "decoder"
    raise UserError(
        f"{directory}: expected a decoder, an encoder-decoder, a masked language model or a sequence "
        f"classifier, found {name}."
    )
