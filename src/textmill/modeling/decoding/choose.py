"""Decode with the lean loop where it knows the model, with transformers' `generate` elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textmill.modeling.decoding.settings import Decoding

# Keys of a generation config that the lean loop either honours or that say nothing about the tokens.
KNOWN = {
    "_from_model_config", "bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id",
    "transformers_version", "max_length", "max_new_tokens", "use_cache", "num_beams", "do_sample",
    "temperature", "top_k", "top_p", "output_attentions", "output_hidden_states", "return_dict_in_generate",
}  # fmt: skip


def is_lean(model: Any) -> bool:
    """Whether the lean loop can decode with a model: the classes it knows, float32 weights on a CPU.

    Adapters, biases, growing rotary embeddings and generation configs with rules of their own are left to
    transformers.
    """
    import torch

    name = type(model).__name__
    weights = list(model.parameters())
    plain = all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in weights)
    if not plain or not type(model).__module__.startswith("transformers.models."):
        return False
    if not KNOWN.issuperset(model.generation_config.to_diff_dict()):
        return False
    if name == "T5ForConditionalGeneration":
        return model.generation_config.decoder_start_token_id is not None
    if name != "LlamaForCausalLM":
        return False
    config = model.config
    is_static = config.rope_parameters["rope_type"] in ("default", "linear", "llama3", "yarn")
    return is_static and not config.attention_bias and not config.mlp_bias


class Generator:
    """Decode with a model: the lean loop where it knows the model, else transformers' `generate`.

    The lean loop copies the layers' weights, so make one generator for many batches.

    Args:
        model: a `PreTrainedModel` with a head for language, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        import torch

        self.model, self.net = model, None
        self.ends = _ends(model)
        if is_lean(model):
            from textmill.modeling.decoding.llama import Llama
            from textmill.modeling.decoding.t5 import T5

            with torch.inference_mode():
                self.net = T5(model) if model.config.is_encoder_decoder else Llama(model)

    def __call__(
        self, inputs: Sequence[Sequence[int]], settings: Decoding, rows: Sequence[int] | None = None
    ) -> list[list[list[int]]]:
        """New tokens of each input, `settings.samples` outputs each, without prompt and padding.

        Args:
            inputs: token ids, none empty; they are padded here, and are one batch.
            settings: how tokens are chosen.
            rows: the inputs' places in a larger list, for reproducible draws; 0, 1, … if None.

        Returns:
            by input and sample the tokens, the last one an end token where the output reached one.

        Raises:
            ValueError: an input has no token.
        """
        import torch

        from textmill.modeling.decoding.beams import search
        from textmill.modeling.decoding.stepwise import write_on

        if not all(inputs):
            raise ValueError("an input without a token cannot be decoded")
        rows = range(len(inputs)) if rows is None else rows
        input_ids, attention_mask = self._padded(inputs)
        with torch.inference_mode():
            if self.net is None:
                return self._generate(input_ids, attention_mask, settings, rows)
            run = self.net.start(input_ids, attention_mask, settings.max_new_tokens, settings.beams)
            if settings.beams > 1:
                return search(run, settings, self.ends)
            return write_on(run, settings, self.ends, rows)

    def _padded(self, inputs: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Ids and mask: a decoder goes on from the end of its input, so its padding is at the start."""
        import torch

        longest = max(len(ids) for ids in inputs)
        pad = self.model.generation_config.pad_token_id or 0
        input_ids = torch.full((len(inputs), longest), int(pad))
        attention_mask = torch.zeros_like(input_ids)
        for row, ids in enumerate(inputs):
            start = 0 if self.model.config.is_encoder_decoder else longest - len(ids)
            input_ids[row, start : start + len(ids)] = torch.tensor(ids)
            attention_mask[row, start : start + len(ids)] = 1
        return input_ids, attention_mask

    def _generate(
        self, input_ids: Any, attention_mask: Any, settings: Decoding, rows: Sequence[int]
    ) -> list[list[list[int]]]:
        import torch

        from textmill.modeling.decoding.stepwise import cut

        pad = self.model.generation_config.pad_token_id
        wanted: dict[str, Any] = {
            "max_new_tokens": settings.max_new_tokens,
            "num_beams": settings.beams,
            "do_sample": settings.is_sampled,
            "num_return_sequences": settings.samples,
            "pad_token_id": (*self.ends, 0)[0] if pad is None else pad,
        }
        if settings.is_sampled:
            wanted |= {"temperature": settings.temperature, "top_k": settings.top_k, "top_p": settings.top_p}
            torch.manual_seed((settings.seed + rows[0]) % (1 << 63))
        found = self.model.generate(
            input_ids=input_ids.to(self.model.device),
            attention_mask=attention_mask.to(self.model.device),
            **wanted,
        )
        skipped = 1 if self.model.config.is_encoder_decoder else input_ids.shape[1]
        sequences = [cut(row, self.ends) for row in found[:, skipped:].tolist()]
        return [sequences[at : at + settings.samples] for at in range(0, len(sequences), settings.samples)]


def _ends(model: Any) -> tuple[int, ...]:
    """The tokens that end an output, by the model's generation config."""
    found = model.generation_config.eos_token_id
    return () if found is None else tuple(found) if isinstance(found, list | tuple) else (int(found),)
