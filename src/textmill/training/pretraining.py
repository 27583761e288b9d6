"""Exercises from packed tokens for each architecture: a batch per step, and a validation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from textmill.errors import UserError
from textmill.tokenization.packing import TokenShards
from textmill.tokenization.special import EOS
from textmill.training.batches import Batch, Part, parts
from textmill.training.corruption import corrupt_spans, framed, hide_tokens, infill_spans, mask_tokens
from textmill.training.device import autocast
from textmill.training.objectives import masked_token_loss, next_token_loss, target_loss
from textmill.training.openings import Openings
from textmill.training.randomness import generator
from textmill.training.ranks import summed
from textmill.training.windows import Windows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from transformers import PreTrainedModel

    Ids = npt.NDArray[np.int64]
    Loss = Callable[..., Any]

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
    document_attention: bool
    is_infilling: bool = False


class Pretraining:
    """The batches of one model over one split of tokens; each a function of the step."""

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

    def batch(self, step: int, rows: int | None = None) -> Batch:
        """The batch of a step, computed `rows` rows at a time (None: at once)."""
        exercise = self.exercise
        if self.openings is not None and _place(step) < exercise.first_line:
            inputs, attention, labels = self.openings.step(step, exercise.batch, exercise.context)
            tokens = int(attention.sum() + (labels >= 0).sum())
            arrays: tuple[Ids, ...] = (inputs, attention, labels)
            return Batch(tokens, self._parts(target_loss, arrays, rows), lambda: self.openings_of(step))
        ids = self.windows.step(step, exercise.batch)
        ask, arrays = self._exercise(ids, step)
        where = range(step * exercise.batch, (step + 1) * exercise.batch)
        return Batch(ids.size, self._parts(ask, arrays, rows), lambda: self.windows.documents(where))

    def openings_of(self, step: int) -> str:
        """The documents of a step that asks for first lines, in words."""
        assert self.openings is not None
        return self.openings.documents(step, self.exercise.batch)

    def _exercise(self, ids: Ids, step: int) -> tuple[Loss, tuple[Ids, ...]]:
        """A loss and its arguments; the last of these are the tokens to predict."""
        import numpy as np

        exercise = self.exercise
        random = generator(exercise.seed, self.stream, step)
        end = EOS if exercise.document_attention else None
        if exercise.architecture == "decoder":
            return partial(next_token_loss, end=end), (ids,)
        if exercise.architecture == "encoder":
            size = self.model.config.vocab_size
            ask = partial(masked_token_loss, end=end)
            return ask, mask_tokens(framed(ids), random, exercise.mask_rate, size)
        if 1 - _place(step) <= exercise.rebuild:
            inputs, labels = hide_tokens(ids, random, exercise.noise_density)
        elif exercise.is_infilling:
            return target_loss, infill_spans(ids, random, exercise.noise_density, exercise.mean_span)
        else:
            inputs, labels = corrupt_spans(ids, random, exercise.noise_density, exercise.mean_span)
        return target_loss, (inputs, np.ones_like(inputs), labels)

    def _parts(self, ask: Loss, arrays: tuple[Ids, ...], rows: int | None) -> Sequence[Part]:
        def loss(cut: slice) -> torch.Tensor:
            with autocast(self.exercise.precision, self.model.device.type):
                return ask(self.model, *(array[cut] for array in arrays))

        return parts((arrays[-1] >= 0).sum(axis=1), rows, loss)


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
        losses = [
            sum(part.share * float(part.loss()) for part in asked.batch(step).parts) for step in range(steps)
        ]
        return {"loss": sum(summed(losses)) / steps}

    return measure
