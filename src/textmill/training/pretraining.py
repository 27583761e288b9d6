"""Exercises from packed tokens for each architecture: a loss per step, and a validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textmill.errors import UserError
from textmill.tokenization.packing import TokenShards
from textmill.training.corruption import corrupt_spans, framed, hide_tokens, mask_tokens
from textmill.training.device import autocast
from textmill.training.objectives import masked_token_loss, next_token_loss, target_loss
from textmill.training.openings import Openings
from textmill.training.randomness import generator
from textmill.training.windows import Windows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from transformers import PreTrainedModel

_CORRUPTION, _VALIDATION = 2, 4


@dataclass(frozen=True)
class Exercise:
    """What is asked of the model; see the keys of the same names in `textmill.config.pretrain`."""

    architecture: str
    context: int
    batch: int
    precision: str
    seed: int
    mask_rate: float
    noise_density: float
    mean_span: float
    first_line: float
    rebuild: float


class Pretraining:
    """The losses of one model over one split of tokens; each a function of the step and the weights."""

    def __init__(
        self,
        model: PreTrainedModel,
        exercise: Exercise,
        shards: TokenShards,
        where: str,
        newlines: npt.NDArray[np.bool_] | None = None,
        stream: int = _CORRUPTION,
    ):
        """Args: the model, what to ask, tokens, their directory for messages, tokens with line breaks.

        Raises:
            UserError: the split is shorter than one window, or no document has a first line to ask for.
        """
        self.model, self.exercise, self.stream = model, exercise, stream
        length = (
            exercise.context + (exercise.architecture == "decoder") - 2 * (exercise.architecture == "encoder")
        )
        self.windows = Windows(shards, length, exercise.seed, where)
        self.openings: Openings | None = None
        if exercise.first_line and newlines is not None:
            self.openings = Openings(shards, newlines, exercise.seed)
            if not len(self.openings):
                raise UserError(
                    f"{where}: expected documents with a first line and a rest, found none. "
                    "Set first_line to 0 in params.yaml."
                )

    def loss(self, step: int) -> tuple[torch.Tensor, int]:
        """The loss of a step, and the tokens it reads."""
        exercise = self.exercise
        with autocast(exercise.precision, self.model.device.type):
            if self.openings is not None and _place(step) < exercise.first_line:
                inputs, attention, labels = self.openings.step(step, exercise.batch, exercise.context)
                tokens = int(attention.sum() + (labels >= 0).sum())
                return target_loss(self.model, inputs, attention, labels), tokens
            ids = self.windows.step(step, exercise.batch)
            return self._window_loss(ids, step), ids.size

    def _window_loss(self, ids: npt.NDArray[np.int64], step: int) -> torch.Tensor:
        import numpy as np

        exercise = self.exercise
        random = generator(exercise.seed, self.stream, step)
        if exercise.architecture == "decoder":
            return next_token_loss(self.model, ids)
        if exercise.architecture == "encoder":
            size = self.model.config.vocab_size
            inputs, labels = mask_tokens(framed(ids), random, exercise.mask_rate, size)
            return masked_token_loss(self.model, inputs, labels)
        if 1 - _place(step) <= exercise.rebuild:
            inputs, labels = hide_tokens(ids, random, exercise.noise_density)
        else:
            inputs, labels = corrupt_spans(ids, random, exercise.noise_density, exercise.mean_span)
        return target_loss(self.model, inputs, np.ones_like(inputs), labels)


def _place(step: int) -> float:
    """A place in [0, 1) for each step: multiples of the golden ratio spread evenly however many there are."""
    return step * 0.6180339887498949 % 1.0


def validation(
    model: PreTrainedModel, exercise: Exercise, shards: TokenShards, where: str, tokens: int
) -> Callable[[], Mapping[str, float]]:
    """A function that gives the mean loss on the same `tokens` tokens of a split whenever it is called."""
    exercise = replace(exercise, first_line=0.0, rebuild=0.0)
    asked = Pretraining(model, exercise, shards, where, stream=_VALIDATION)
    steps = max(
        1, min(tokens, asked.windows.count * asked.windows.length) // (exercise.batch * asked.windows.length)
    )

    def measure() -> Mapping[str, float]:
        losses = [float(asked.loss(step)[0]) for step in range(steps)]
        return {"loss": sum(losses) / steps}

    return measure
