"""What an objective says to a fine-tuning run: examples, loss, validation figures, what is saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.modeling.saving import copy_tokenizer
from textmill.training.batches import Batch, parts
from textmill.training.device import autocast
from textmill.training.examples import Examples, Rows

if TYPE_CHECKING:
    import torch

Floats = npt.NDArray[np.float64]
Arrays = tuple[Any, ...]


class Objective(ABC):
    """A task's rows encoded for one base model, and how a model learns from them.

    A kind of task is a subclass: it encodes both splits in its constructor and calls `deal`, and says what
    the loss of some rows is and which figures judge a model on the validation rows.

    Attributes:
        head: what is put on the base, the end of a transformers class name: ``SequenceClassification``.
        problem: transformers' ``problem_type`` in the saved config, None for what it guesses.
        labels: names of the classes in order of their number; empty where there are none.
        path: the training rows' file.
        train, validation: the encoded splits.
    """

    head: ClassVar[str]
    problem: ClassVar[str | None] = None

    train: Examples
    validation: Examples

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        """Args: the run, its seed, the base's tokenizer, and the rows of both splits."""
        self.params, self.seed, self.tokenizer = params, seed, tokenizer
        self.path = train.path
        self.labels: list[str] = []

    def deal(self, inputs: list[list[list[int]]], targets: list[Any], pad: int | None) -> None:
        """Set `train` and `validation` from the inputs and targets of each; see `Examples`.

        Raises:
            UserError: the tokenizer has no padding token.
        """
        if pad is None:
            raise UserError(f"{self.params.base}: expected a tokenizer with a padding token, found none.")
        self.train, self.validation = (
            Examples(ids, answers, self.params.batch, pad, self.seed)
            for ids, answers in zip(inputs, targets, strict=True)
        )

    def steps(self, epochs: float) -> int:
        """Optimizer steps of `epochs` passes, at least one."""
        return max(1, round(epochs * self.train.batches_per_epoch))

    def longest(self) -> int:
        """The most tokens that the model may have to read at once."""
        return self.params.max_input_tokens

    def arrays(self, step: int) -> Arrays:
        """What `loss` gets of a step: arrays (rows, …), of which inputs and attention are the first two."""
        return self.train.step(step)

    def counts(self, *arrays: Any) -> Floats:
        """How much the mean loss of each row counts in that of the batch, float64 (rows,); one each here."""
        return np.ones(len(arrays[0]))

    def tokens(self, *arrays: Any) -> int:
        """Tokens that a model reads in `arrays`."""
        return int(arrays[1].sum())

    @abstractmethod
    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """The mean loss of the rows in `arrays`, each as often as `counts` says; a scalar in nats."""

    @abstractmethod
    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss`` on the validation rows, and the figures that `best` may name."""

    def begin(self, model: Any, is_control: bool) -> None:  # noqa: B027
        """Settle what depends on the weights that training starts from."""

    def finish(self, model: Any) -> dict[str, Any]:
        """Settle what depends on the trained weights; what it returns joins the report."""
        return {}

    def save(self, folder: Path) -> None:
        """Write what belongs beside the model: its tokenizer."""
        copy_tokenizer(self.params.base, folder)

    def autocast(self) -> Any:
        """The run's precision, as a context."""
        return autocast(self.params.precision, self.params.device)

    def batch(self, model: Any, step: int, rows: int | None) -> Batch:
        """The batch of a step, in parts of at most `rows` rows."""
        arrays = self.arrays(step)

        def loss(cut: slice) -> torch.Tensor:
            return self.loss(model, *(array[cut] for array in arrays))

        return Batch(
            self.tokens(*arrays),
            parts(self.counts(*arrays), rows, loss),
            lambda: f"rows {self.train.rows(step).tolist()} of {self.path}",
        )
