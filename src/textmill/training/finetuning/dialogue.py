"""Conversations: a decoder learns from what the assistant says, several conversations to a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.modeling.conversations import answered, read
from textmill.training.corruption import IGNORED
from textmill.training.examples import Rows
from textmill.training.finetuning.generation import Generation, save_template, template
from textmill.training.objectives import packed_loss
from textmill.training.packed import Packed

if TYPE_CHECKING:
    from pathlib import Path

    import torch

ROW = 2
"""Conversations of full length that a row has room for."""


class Dialogue(Generation):
    """Every turn of the assistant counts, whatever is said before it is read only.

    A conversation longer than `max_input_tokens` loses its end.

    Raises:
        UserError: the tokenizer's template cannot be learned from, or no conversation has an answer within
            `max_input_tokens`.
    """

    head = "CausalLM"
    train: Any
    validation: Any

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        template(tokenizer, params.base)
        pad = tokenizer.pad_token_id or 0
        self.unanswered = 0
        # A row of one full conversation has a gap beside each that is longer than half of it.
        room = ROW * params.max_input_tokens
        self.train, self.validation = (
            Packed(*self._encoded(rows), params.batch, room, pad, seed) for rows in (train, validation)
        )

    def _encoded(self, rows: Rows) -> tuple[list[list[int]], list[list[int]]]:
        inputs, labels = [], []
        longest = self.params.max_input_tokens
        for text, target in zip(rows.inputs, rows.targets, strict=True):
            try:
                ids, marks = answered(self.tokenizer, [*read(text), {"role": "assistant", "content": target}])
            except ValueError as error:
                raise UserError(
                    f"{self.params.base}: expected a decoder to talk to, found {error}."
                ) from error
            if any(marks[1:longest]):
                inputs.append(ids[:longest])
                pairs = zip(ids[:longest], marks, strict=False)
                labels.append([token if mark else IGNORED for token, mark in pairs])
            else:
                self.unanswered += 1
        if not inputs:
            raise UserError(
                f"{rows.path}: expected conversations in which the assistant says something within "
                f"max_input_tokens ({longest}), found none among {len(rows.inputs):,}."
            )
        return inputs, labels

    def tokens(self, *arrays: Any) -> int:
        """All but padding, about: rows are full."""
        return int(arrays[0].size * (1.0 - self.train.waste))

    def text_loss(self, model: Any, *arrays: Any, smoothing: float = 0.0) -> torch.Tensor:
        """On the assistant's tokens, without attention across conversations."""
        ids, places, labels = arrays
        return packed_loss(model, ids, places, labels, smoothing)

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss`` and ``perplexity`` per token of the assistant."""
        found = super().figures(model)
        return {**found, "perplexity": math.exp(found["loss"])}

    def finish(self, model: Any) -> dict[str, Any]:
        """``padding`` is the share of the training rows that is padding."""
        return {"padding": round(self.train.waste, 6), "unanswered": self.unanswered}

    def save(self, folder: Path) -> None:
        """The tokenizer, with the template that says how to talk to the model."""
        super().save(folder)
        save_template(self.tokenizer, folder)
