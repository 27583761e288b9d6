"""DP-SGD (Abadi et al. 2016) through Opacus: rows drawn by Poisson sampling, clipped one by one, and noise.

The unit that is protected is a training row: with or without it, what is learned is distributed alike up to
(epsilon, delta). A step draws every row with probability batch / rows, independently of the others, for that
is what the accountants assume; its size therefore varies around `batch`, and the sum of clipped gradients is
divided by `batch` whatever the size. Which rows and which noise are functions of (seed, step), so that a run
that was killed goes on with the same bits, and what is spent is a function of the steps taken.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.errors import UserError
from textmill.training.batches import Batch, Part
from textmill.training.examples import Examples, Ids
from textmill.training.finetuning.objective import Objective
from textmill.training.randomness import generator
from textmill.training.ranks import place

if TYPE_CHECKING:
    import torch

SECRET = "TEXTMILL_PRIVACY_SECRET"
"""Environment variable that joins the seed, which is public."""
_ROWS, _NOISE = 21, 22


class Privately:
    """The steps of a private run.

    Attributes:
        noise_multiplier: of the noise, relative to `max_gradient_norm`.
        sample_rate: probability of each row in each step.
    """

    def __init__(self, objective: Objective, model: torch.nn.Module, steps: int):
        """Args: what is learned; the model, whose trained weights are known; steps of the run.

        Raises:
            UserError: Opacus is missing, or the objective, the processes or the budget do not allow it.
        """
        assert objective.params.privacy is not None
        self.objective, self.model, self.asked = objective, model, objective.params.privacy
        self._check()
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        count = len(objective.train.inputs)
        self.sample_rate = min(1.0, objective.params.batch / count)
        self.noise_multiplier = self.asked.noise_multiplier or self._noise_for(steps)
        self._seed = _mixed(objective.seed)

    def _check(self) -> None:
        params, train = self.objective.params, self.objective.train
        if not isinstance(train, Examples):
            raise UserError(
                f"params.yaml: privacy: {params.objective} packs several rows into one, and the gradient of "
                "a single row is needed. Known: classification, generation."
            )
        if place().size > 1:
            raise UserError("params.yaml: privacy: needs one process; set train.launcher to single.")
        if self.asked.delta >= 1 / len(train.inputs):
            raise UserError(
                f"params.yaml: privacy.delta: expected less than 1 / {len(train.inputs):,} (training rows), "
                f"found {self.asked.delta:g}: with more, giving a row away would be allowed."
            )
        opacus()

    def _noise_for(self, steps: int) -> float:
        opacus()
        from opacus.accountants.utils import get_noise_multiplier

        assert self.asked.epsilon is not None
        try:
            return float(
                get_noise_multiplier(
                    target_epsilon=self.asked.epsilon,
                    target_delta=self.asked.delta,
                    sample_rate=self.sample_rate,
                    steps=steps,
                    accountant=self.asked.accountant,
                )
            )
        except ValueError as error:
            raise UserError(
                f"params.yaml: privacy.epsilon: no noise keeps {steps:,} steps within {self.asked.epsilon:g} "
                f"({error}). Allow more, or take fewer epochs."
            ) from error

    def rows(self, step: int) -> Ids:
        """The rows of a step, each drawn with probability `sample_rate`; may be none."""
        count = len(self.objective.train.inputs)
        drawn = generator(self._seed, _ROWS, step).random(count) < self.sample_rate
        return np.flatnonzero(drawn)

    def batch(self, step: int, rows: int | None) -> Batch:
        """The batch of a step: its gradient is clipped and noisy. Rows are computed one at a time."""
        del rows
        chosen = self.rows(step)
        arrays = [self.objective.train.chosen(np.array([row])) for row in chosen]
        tokens = sum(self.objective.tokens(*each) for each in arrays)

        def documents() -> str:
            return f"rows {chosen.tolist()} of {self.objective.path}"

        return Batch(tokens, [Part(1.0, lambda: self._loss(step, arrays))], documents)

    def _loss(self, step: int, arrays: list[Any]) -> torch.Tensor:
        """The mean loss of the rows, whose gradient is the private one."""
        import torch

        optimizer = private_optimizer(
            self.weights, self.noise_multiplier, self.asked.max_gradient_norm, self.objective.params.batch,
            self.noise(step),
        )  # fmt: skip
        total = 0.0
        for each in arrays:
            loss = self.objective.loss(self.model, *each)
            total += float(loss.detach())
            found = torch.autograd.grad(loss, self.weights, allow_unused=True)
            _take(optimizer, [None if gradient is None else gradient[None] for gradient in found], 1)
        if not arrays:
            _take(optimizer, [None] * len(self.weights), 0)
        for weight in self.weights:
            weight.grad_sample = weight.new_zeros((1, *weight.shape))  # type: ignore[attr-defined]
        optimizer.add_noise()
        optimizer.scale_grad()
        gradients = [weight.grad for weight in self.weights]
        optimizer.zero_grad(set_to_none=True)
        value = torch.tensor(total / max(len(arrays), 1), device=self.weights[0].device)
        return _given().apply(value, gradients, *self.weights)

    def noise(self, step: int) -> torch.Generator:
        """The source of a step's noise."""
        import torch

        seed = int(generator(self._seed, _NOISE, step).integers(2**63))
        return torch.Generator(device=self.weights[0].device).manual_seed(seed)

    def spent(self, steps: int) -> dict[str, Any]:
        """What `steps` steps have spent, by Opacus' accountant, for the report."""
        return {
            "epsilon": round(
                spent(
                    self.noise_multiplier, self.sample_rate, steps, self.asked.delta, self.asked.accountant
                ),
                6,
            ),
            "delta": self.asked.delta,
            "noise_multiplier": round(self.noise_multiplier, 6),
            "max_gradient_norm": self.asked.max_gradient_norm,
            "sample_rate": round(self.sample_rate, 8),
            "steps": steps,
            "accountant": self.asked.accountant,
            "sampling": "poisson",
            "unit": "training row",
            "noise_seed": "secret" if os.environ.get(SECRET) else "params",
        }


def spent(noise_multiplier: float, sample_rate: float, steps: int, delta: float, accountant: str) -> float:
    """Epsilon of `steps` steps of Poisson-sampled Gaussian noise, by one of Opacus' accountants."""
    opacus()
    from opacus.accountants import create_accountant

    found = create_accountant(mechanism=accountant)
    found.history = [(noise_multiplier, sample_rate, steps)]
    return float(found.get_epsilon(delta=delta))


def private_optimizer(
    weights: list[Any], noise_multiplier: float, norm: float, batch: int, source: torch.Generator
) -> Any:
    """Opacus' DPOptimizer of `weights`, for its clipping and noise; it moves nothing itself."""
    import torch
    from opacus.optimizers import DPOptimizer

    return DPOptimizer(
        torch.optim.SGD(weights, lr=0.0), noise_multiplier=noise_multiplier, max_grad_norm=norm,
        expected_batch_size=batch, generator=source,
    )  # fmt: skip


def opacus() -> None:
    """See that Opacus is there.

    Raises:
        UserError: it is not.
    """
    try:
        import opacus as package  # noqa: F401
    except ImportError:
        raise UserError("privacy needs the package opacus; run: pip install 'textmill[privacy]'.") from None


def _take(optimizer: Any, gradients: list[Any], rows: int) -> None:
    """Clip the gradients of `rows` rows together and add them up."""
    for weight, gradient in zip(optimizer.params, gradients, strict=True):
        empty = gradient is None
        weight.grad_sample = weight.new_zeros((rows, *weight.shape)) if empty else gradient
    optimizer.clip_and_accumulate()
    for weight in optimizer.params:
        weight.grad_sample = None


def _mixed(seed: int) -> int:
    """The seed, joined by the secret of the environment if there is one."""
    secret = os.environ.get(SECRET)
    if not secret:
        return seed
    digest = hashlib.sha256(f"{seed}\0{secret}".encode()).digest()
    return int.from_bytes(digest[:16], "big")


def _given() -> Any:
    """An autograd function: a value whose gradients are given."""
    import torch

    class Given(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, value: Any, gradients: Any, *weights: Any) -> Any:
            context.gradients = gradients
            return value.clone()

        @staticmethod
        def backward(context: Any, out: Any) -> Any:
            return None, None, *(gradient * out for gradient in context.gradients)

    return Given
