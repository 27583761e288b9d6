"""An exponential moving average of the weights (Polyak & Juditsky 1992; Tarvainen & Valpola 2017)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class WeightAverage:
    """Averages of a model's trained weights; of none where `decay` is None.

    The decay grows from step to step up to its final value, min(decay, (1 + step) / (10 + step)), so that the
    average soon forgets the random start.
    """

    def __init__(self, model: torch.nn.Module, decay: float | None):
        """The average of one moment: the weights as they are."""
        self._model, self._decay = model, decay
        self.weights: dict[str, torch.Tensor] = {}
        if decay is not None:
            self.weights = {name: weight.detach().clone() for name, weight in self._trained()}

    def _trained(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((name, weight) for name, weight in self._model.named_parameters() if weight.requires_grad)

    def update(self, step: int) -> None:
        """Take in the weights after `step` (from 0)."""
        import torch

        if self._decay is None:
            return
        decay = min(self._decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, weight in self._trained():
                self.weights[name].lerp_(weight, 1.0 - decay)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the averages inside, and its own weights again afterwards."""
        own = {name: weight.detach().clone() for name, weight in self._trained() if self.weights}
        self.put(self.weights)
        try:
            yield
        finally:
            self.put(own)

    def put(self, weights: dict[str, torch.Tensor]) -> None:
        """Give the model those of `weights` that it has."""
        import torch

        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                if name in weights:
                    weight.copy_(weights[name])
