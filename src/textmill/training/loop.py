"""The one training loop: every model and objective goes through it.

The loss is a function of the step, dropout is seeded by the step, and a checkpoint holds weights, running
averages, the curve and the best weights so far. A run that was killed and started again therefore ends with
the bits of a run that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textmill.errors import UserError
from textmill.progress import Progress
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import peak_memory_bytes
from textmill.training.events import Spool
from textmill.training.optimizers import restore, set_factor, state_tensors
from textmill.training.schedule import trapezoid

if TYPE_CHECKING:
    import torch

Point = dict[str, float | int]


@dataclass(frozen=True)
class Plan:
    """How long and how a run trains.

    Attributes:
        steps: optimizer steps.
        seed: of the run; dropout is seeded by it and the step.
        learning_rate: shown in the curve; the optimizers hold the real ones.
        warmup, decay: shares of the run, see `textmill.training.schedule`.
        clip: gradients are scaled down to this norm.
        log_every: steps between points of the curve.
        validate_every: steps between validations; the last step always validates.
        checkpoint_seconds: seconds between checkpoints; does not change the result.
        best: a validation figure and whether more is better; None keeps the last weights.
        keep_last: leave a checkpoint of the finished run too, for a stage that goes on after it.
    """

    steps: int
    seed: int
    learning_rate: float
    warmup: float
    decay: float
    clip: float
    log_every: int
    validate_every: int
    checkpoint_seconds: float
    best: tuple[str, bool] | None = None
    keep_last: bool = False


@dataclass
class Run:
    """What a run has done so far: steps, tokens, the curve, the best validation and its weights."""

    step: int = 0
    tokens: int = 0
    curve: list[Point] = field(default_factory=list)
    best_step: int = 0
    best_value: float | None = None
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)


def fit(
    model: torch.nn.Module,
    loss: Callable[[int], tuple[torch.Tensor, int]],
    validate: Callable[[], Mapping[str, float]],
    optimizers: Sequence[torch.optim.Optimizer],
    plan: Plan,
    checkpoints: Checkpoints,
    spool: Spool,
    progress: Progress,
) -> Run:
    """Train `model` in place and leave it with its last, or best, weights.

    Args:
        model: in any mode; trained in training mode.
        loss: of a step, from 0: a scalar to descend and the number of tokens it saw. Depends on nothing but
            the step and the weights.
        validate: figures of the model in evaluation mode, among them ``loss``.
        optimizers: together they hold every weight that is trained.
        plan: see `Plan`.
        checkpoints: an unfinished run found here goes on where it stopped.
        spool: told what depends on time.
        progress: advanced by one per step.

    Raises:
        UserError: the loss is not a number, with the step and what to try.
    """
    run = _resume(model, optimizers, checkpoints)
    if run.step:
        progress.advance(run.step, "resumed")
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    clock = saved = time.monotonic()
    seen = run.tokens
    while run.step < plan.steps:
        value, tokens = _step(model, loss, weights, optimizers, plan, run.step)
        run.step += 1
        run.tokens += tokens
        progress.advance(1, f"loss {value:.3f}")
        is_last = run.step == plan.steps
        if run.step % plan.log_every == 0 or is_last or run.step == 1:
            now = time.monotonic()
            rate = (run.tokens - seen) / max(now - clock, 1e-9)
            clock, seen = now, run.tokens
            factor = trapezoid(run.step - 1, plan.steps, plan.warmup, plan.decay)
            _log(run, {"loss": value, "learning_rate": plan.learning_rate * factor}, spool, rate)
        if run.step % plan.validate_every == 0 or is_last:
            _validate(model, validate, plan, run, spool)
            clock = time.monotonic()
        is_due = time.monotonic() - saved >= plan.checkpoint_seconds
        if plan.keep_last if is_last else is_due:
            _save(model, optimizers, checkpoints, run)
            saved = time.monotonic()
    if run.best_weights:
        model.load_state_dict(run.best_weights, strict=False)
    return run


def _step(
    model: torch.nn.Module,
    loss: Callable[[int], tuple[torch.Tensor, int]],
    weights: Sequence[torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    plan: Plan,
    step: int,
) -> tuple[float, int]:
    import torch

    torch.manual_seed((plan.seed * 1_000_003 + step) % 2**63)
    model.train()
    value, tokens = loss(step)
    number = float(value.detach())
    if not math.isfinite(number):
        raise UserError(
            f"the loss became {number} at step {step + 1} of {plan.steps}. Lower learning_rate in "
            "params.yaml, or lengthen the warmup; if it fails at the first step, look for empty rows."
        )
    value.backward()
    torch.nn.utils.clip_grad_norm_(weights, plan.clip)
    set_factor(optimizers, trapezoid(step, plan.steps, plan.warmup, plan.decay))
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return number, tokens


def _log(run: Run, values: Mapping[str, float], spool: Spool, rate: float) -> None:
    point: Point = {"step": run.step, "tokens": run.tokens}
    point.update({name: round(value, 8) for name, value in values.items()})
    run.curve.append(point)
    spool.metrics(
        run.step,
        {**values, "tokens": run.tokens, "tokens_per_second": rate, "peak_memory_bytes": peak_memory_bytes()},
    )


def _validate(
    model: torch.nn.Module, validate: Callable[[], Mapping[str, float]], plan: Plan, run: Run, spool: Spool
) -> None:
    import torch

    model.eval()
    with torch.inference_mode():
        figures = dict(validate())
    named = {f"validation_{name}": value for name, value in figures.items()}
    if not run.curve or run.curve[-1]["step"] != run.step:
        run.curve.append({"step": run.step, "tokens": run.tokens})
    run.curve[-1].update({name: round(value, 8) for name, value in named.items()})
    spool.metrics(run.step, named)
    if plan.best is None:
        return
    name, more_is_better = plan.best
    value = figures[name]
    is_better = run.best_value is None or (
        value > run.best_value if more_is_better else value < run.best_value
    )
    if is_better:
        run.best_step, run.best_value = run.step, value
        run.best_weights = {key: weight.detach().clone() for key, weight in model.named_parameters()}


def _save(
    model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer], checkpoints: Checkpoints, run: Run
) -> None:
    tensors: dict[str, torch.Tensor] = {f"model/{name}": weight for name, weight in model.named_parameters()}
    tensors.update({f"optimizer/{name}": value for name, value in state_tensors(optimizers).items()})
    tensors.update({f"best/{name}": weight for name, weight in run.best_weights.items()})
    state = {
        "tokens": run.tokens,
        "curve": run.curve,
        "best_step": run.best_step,
        "best_value": run.best_value,
    }
    checkpoints.save(run.step, state, tensors)


def _resume(
    model: torch.nn.Module, optimizers: Sequence[torch.optim.Optimizer], checkpoints: Checkpoints
) -> Run:
    import torch

    found = checkpoints.load()
    if found is None:
        return Run()
    step, state, tensors = found
    parts: dict[str, dict[str, Any]] = {"model": {}, "optimizer": {}, "best": {}}
    for key, value in tensors.items():
        room, _, name = key.partition("/")
        parts[room][name] = value
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(parts["model"][name])
    set_factor(optimizers, 1.0)
    restore(optimizers, parts["optimizer"])
    return Run(step=step, best_weights=parts["best"], **state)
