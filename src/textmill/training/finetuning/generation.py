"""A text for a text: by an encoder-decoder, or by a decoder that learns from the answer's tokens only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.modeling.prompts import prompt, with_template
from textmill.training.corruption import IGNORED
from textmill.training.examples import Rows, encode
from textmill.training.finetuning.objective import Floats, Objective
from textmill.training.objectives import answer_loss, target_loss

if TYPE_CHECKING:
    import torch


class Generation(Objective):
    """Labels are (rows, length) token ids, -100 where nothing is to be predicted; the mean is over tokens."""

    def counts(self, *arrays: Any) -> Floats:
        """Tokens to be predicted in each row."""
        return (arrays[2] >= 0).sum(axis=1).astype(np.float64)

    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """Cross-entropy per predicted token."""
        with self.autocast():
            return self.text_loss(model, *arrays, smoothing=self.params.label_smoothing)

    @abstractmethod
    def text_loss(self, model: Any, *arrays: Any, smoothing: float = 0.0) -> torch.Tensor:
        """Mean loss per predicted token; see `textmill.training.objectives`."""

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss`` per predicted token, without smoothing."""
        total, tokens = 0.0, 0
        for arrays in self.validation.in_order():
            count = int((arrays[2] >= 0).sum())
            with self.autocast():
                total += float(self.text_loss(model, *arrays)) * count
            tokens += count
        return {"loss": total / tokens}


class Transduction(Generation):
    """An encoder-decoder reads the input and writes the target."""

    head = "Seq2SeqLM"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        splits = (train, validation)
        inputs = [encode(tokenizer, rows.inputs, params.max_input_tokens) for rows in splits]
        targets = [encode(tokenizer, rows.targets, params.max_target_tokens) for rows in splits]
        self.deal(inputs, targets, tokenizer.pad_token_id)

    def tokens(self, *arrays: Any) -> int:
        """Tokens of inputs and targets."""
        return int(arrays[1].sum()) + int((arrays[2] >= 0).sum())

    def text_loss(self, model: Any, *arrays: Any, smoothing: float = 0.0) -> torch.Tensor:
        """With teacher forcing."""
        inputs, attention, labels = arrays
        return target_loss(model, inputs, attention, labels, smoothing)


class Answering(Generation):
    """A decoder goes on from the request, framed by its chat template, with the target.

    Raises:
        UserError: the tokenizer has neither a chat template nor a token to frame requests with.
    """

    head = "CausalLM"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        template(tokenizer, params.base)
        encoded = [
            asked_and_answered(tokenizer, params, rows.inputs, rows.targets) for rows in (train, validation)
        ]
        inputs, labels = zip(*encoded, strict=True)
        self.deal(list(inputs), list(labels), tokenizer.pad_token_id or 0)

    def longest(self) -> int:
        """Request and answer together."""
        return self.params.max_input_tokens + self.params.max_target_tokens

    def text_loss(self, model: Any, *arrays: Any, smoothing: float = 0.0) -> torch.Tensor:
        """On the answers' tokens alone."""
        inputs, attention, labels = arrays
        return answer_loss(model, inputs, attention, labels, smoothing)

    def save(self, folder: Path) -> None:
        """The tokenizer, with the template that says how to ask the model."""
        super().save(folder)
        save_template(self.tokenizer, folder)


def asked_and_answered(
    tokenizer: Any, params: Finetune, requests: Sequence[str], answers: Sequence[str]
) -> tuple[list[list[int]], list[list[int]]]:
    """Ids of each request and its answer one after the other, and labels, -100 in the request."""
    asked = [prompt(tokenizer, text, params.max_input_tokens) for text in requests]
    room = params.max_target_tokens - 1
    found = tokenizer(list(answers), add_special_tokens=False, truncation=True, max_length=room)
    ended = [[*ids, tokenizer.eos_token_id] for ids in found["input_ids"]]
    return (
        [[*one, *other] for one, other in zip(asked, ended, strict=True)],
        [[IGNORED] * len(one) + other for one, other in zip(asked, ended, strict=True)],
    )


def template(tokenizer: Any, base: str) -> None:
    """Give the tokenizer a chat template where it has none.

    Raises:
        UserError: it has no tokens to frame requests with; `base` is what the message names.
    """
    try:
        with_template(tokenizer)
    except ValueError as error:
        raise UserError(f"{base}: expected a decoder that can be asked, found {error}.") from error


def save_template(tokenizer: Any, folder: Path) -> None:
    """Write the chat template into the tokenizer's files in `folder` where they have none."""
    config = read_json(folder / "tokenizer_config.json")
    if "chat_template" not in config and not (folder / "chat_template.jinja").is_file():
        write_json(folder / "tokenizer_config.json", config | {"chat_template": tokenizer.chat_template})
