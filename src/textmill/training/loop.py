"""The one training loop: every model and objective goes through it.

The loss is a function of the step, dropout is seeded by the step, and a checkpoint holds weights, running
averages, the curve and the best weights so far. A run that was killed and started again therefore ends with
the bits of a run that was not.

Several processes may train together (`textmill.training.ranks`): each computes its share of a step's rows,
all take the same step, the first one writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from textmill.errors import UserError
from textmill.progress import Progress
from textmill.training.averaging import WeightAverage
from textmill.training.batches import Batch
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import peak_memory_bytes
from textmill.training.events import Spool
from textmill.training.optimizers import restore, set_factor, state_like, state_tensors
from textmill.training.ranks import of_first, place, step_seed, sum_gradients, summed, tensors_of_first
from textmill.training.schedule import SCHEDULES
from textmill.training.sharding import all_divided_like, asked, released, unshard, whole
from textmill.training.speed import Speedometer
from textmill.training.vigilance import REMEMBERED, fault, out_of_memory

if TYPE_CHECKING:
    import torch

Point = dict[str, float | int]

MOST_SKIPPED = 20
"""Bad steps after which a run that skips them stops all the same."""


@dataclass(frozen=True)
class Plan:
    """How long and how a run trains.

    Attributes:
        steps: optimizer steps.
        batch: rows of a step.
        seed: of the run; dropout is seeded by it and the step.
        learning_rate: shown in the curve; the optimizers hold the real ones.
        warmup, decay: shares of the run, see `textmill.training.schedule`.
        schedule: a key of `SCHEDULES`.
        clip: gradients are scaled down to this norm.
        average: decay of the moving average of the weights that is validated and kept; None for no average.
        rows: rows that are computed at once, None for the whole batch; halved when memory runs out.
        spike: a loss above so many times the recent median is a fault; None for no limit.
        skip_faults: leave out steps with a fault instead of stopping.
        flops: of a token, and `peak_flops` per second of the device, for the tracker; 0 if unknown.
        log_every: steps between points of the curve.
        validate_every: steps between validations; the last step always validates.
        checkpoint_seconds: seconds between checkpoints; does not change the result.
        best: a validation figure and whether more is better; None keeps the last weights.
        patience: validations without a better figure after which the run ends; None trains all steps.
        keep_last: leave a checkpoint of the finished run too, for a stage that goes on after it.
    """

    steps: int
    batch: int
    seed: int
    learning_rate: float
    warmup: float
    decay: float
    clip: float
    log_every: int
    validate_every: int
    checkpoint_seconds: float
    best: tuple[str, bool] | None = None
    patience: int | None = None
    keep_last: bool = False
    schedule: str = "wsd"
    average: float | None = None
    rows: int | None = None
    spike: float | None = None
    skip_faults: bool = False
    flops: float = 0.0
    peak_flops: float = 0.0

    def is_over(self, step: int, best_step: int) -> bool:
        """Whether the run ends after `step` steps (a multiple of `validate_every`, or the last)."""
        if self.patience is None or not best_step:
            return step == self.steps
        return step == self.steps or step - best_step >= self.patience * self.validate_every

    def factor(self, step: int) -> float:
        """The factor on the learning rates at `step`."""
        return SCHEDULES[self.schedule](step, self.steps, self.warmup, self.decay)


@dataclass
class Run:
    """What a run has done so far; all but the weights is the JSON state of a checkpoint.

    Attributes:
        step, tokens: done.
        curve: a point every so many steps.
        rows: rows computed at once, after what memory allowed.
        recent: losses of the last good steps.
        skipped: steps (from 1) that were left out.
        best_step, best_value: of the best validation.
    """

    step: int = 0
    tokens: int = 0
    curve: list[Point] = field(default_factory=list)
    rows: int | None = None
    recent: list[float] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    best_step: int = 0
    best_value: float | None = None

    @property
    def loss(self) -> float:
        """The last loss in the curve."""
        return next(float(point["loss"]) for point in reversed(self.curve) if "loss" in point)


class Kept:
    """Weights beside those of the model: the average, and the best so far."""

    def __init__(self, model: torch.nn.Module, plan: Plan):
        self.average = WeightAverage(model, plan.average)
        self.best: dict[str, torch.Tensor] = {}


def fit(
    model: torch.nn.Module,
    batches: Callable[[int, int | None], Batch],
    validate: Callable[[], Mapping[str, float]],
    optimizers: Sequence[torch.optim.Optimizer],
    plan: Plan,
    checkpoints: Checkpoints,
    spool: Spool,
    progress: Progress,
) -> Run:
    """Train `model` in place and leave it with its last, averaged, or best weights.

    Args:
        model: in any mode; trained in training mode.
        batches: the batch of a step (from 0), given the rows to compute at once; depends on nothing else.
        validate: figures of the model in evaluation mode, among them ``loss``.
        optimizers: together they hold every weight that is trained.
        plan: see `Plan`.
        checkpoints: an unfinished run found here goes on where it stopped.
        spool: told what depends on time.
        progress: advanced by one per step.

    Raises:
        UserError: a step had a fault (see `vigilance`), or one row alone is too large for the memory. What
            was reached before it is kept in a checkpoint.
    """
    kept = Kept(model, plan)
    run = _resume(model, optimizers, checkpoints, kept, plan)
    if run.step:
        progress.advance(run.step, "resumed")
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    saved = time.monotonic()
    speed = Speedometer(run.tokens, plan.flops, plan.peak_flops)
    over = plan.is_over(run.step, run.best_step)
    while not over:
        try:
            figures = _step(model, batches, weights, optimizers, plan, run)
        except UserError:
            _save(model, optimizers, checkpoints, run, kept)
            raise
        kept.average.update(run.step)
        run.step += 1
        progress.advance(1, f"loss {figures['loss']:.3f}" if figures else f"skipped {len(run.skipped)}")
        over = run.step == plan.steps
        if figures and (run.step % plan.log_every == 0 or over or run.step == 1):
            _log(
                run, figures | {"learning_rate": plan.learning_rate * plan.factor(run.step - 1)}, spool, speed
            )
        if run.step % plan.validate_every == 0 or over:
            with kept.average.in_place():
                _validate(model, validate, plan, run, spool, kept)
            speed.pause()
            over = plan.is_over(run.step, run.best_step)
            if over and run.step < plan.steps:
                progress.advance(plan.steps - run.step, "no better figure: stopped early")
        is_due = of_first(time.monotonic() - saved >= plan.checkpoint_seconds)
        if plan.keep_last if over else is_due:
            _save(model, optimizers, checkpoints, run, kept)
            saved = time.monotonic()
    kept.average.put(kept.best or kept.average.weights)
    unshard(model)
    return run


def _step(
    model: torch.nn.Module,
    batches: Callable[[int, int | None], Batch],
    weights: Sequence[torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    plan: Plan,
    run: Run,
) -> dict[str, float]:
    """Take the step `run.step`; the figures of it, none if it was left out."""
    import torch

    model.train()
    batch, loss = _gradient(model, batches, weights, optimizers, plan, run)
    norm = float(whole(torch.nn.utils.clip_grad_norm_(weights, plan.clip)))
    wrong = fault(loss, norm, run.recent, plan.spike)
    if wrong:
        _clear(optimizers)
        _skip(wrong, batch, plan, run)
        return {}
    set_factor(optimizers, plan.factor(run.step))
    for optimizer in optimizers:
        optimizer.step()
    _clear(optimizers)
    run.tokens += batch.tokens
    run.recent = [*run.recent, loss][-REMEMBERED:]
    return {"loss": loss, "gradient_norm": norm}


def _gradient(
    model: torch.nn.Module,
    batches: Callable[[int, int | None], Batch],
    weights: Sequence[torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    plan: Plan,
    run: Run,
) -> tuple[Batch, float]:
    """Leave the gradient of the step's batch in the weights; fewer rows at once where memory runs out."""
    import torch

    while True:
        torch.manual_seed(step_seed((plan.seed * 1_000_003 + run.step) % 2**63))
        batch = batches(run.step, run.rows)
        short: BaseException | None = None
        losses: list[tuple[float, torch.Tensor]] = []
        try:
            for part in batch.parts:
                if part.share or place().is_sharded:
                    value = asked(model, part.loss)
                    losses.append((part.share, value.detach()))
                    (value if part.share == 1.0 else value * part.share).backward()
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            short = error
        # Read after the backward pass: a GPU is not waited for in between.
        total = 0.0
        for share, loss in losses:
            total += share * float(loss)
        # Processes whose weights are divided are in step with each other here, or one has ended the run.
        total, ranks_short = summed([total, float(short is not None)]) if not _alone(short) else (total, 1.0)
        if not ranks_short:
            sum_gradients(weights)
            return batch, total
        _clear(optimizers)
        run.rows = _fewer_rows(run, plan, short)


def _alone(short: BaseException | None) -> bool:
    """Whether nobody can be told of a lack of memory: the others wait for weights of this process."""
    return short is not None and place().is_sharded


def _fewer_rows(run: Run, plan: Plan, error: BaseException | None) -> int:
    import sys

    from textmill.training.device import free_cached_memory

    free_cached_memory()
    rows = run.rows or -(-plan.batch // place().size)
    if rows <= 1 or _alone(error):
        at_once = "one row" if rows <= 1 else f"{rows} rows"
        said = f" ({str(error).splitlines()[0]})" if error else ", in another process"
        raise UserError(
            f"out of memory at step {run.step + 1} with {at_once} at a time{said}. Lower "
            f"{'context or the size of the model' if rows <= 1 else 'rows_at_once'} in params.yaml, or use "
            "a machine with more memory."
        ) from error
    print(
        f"out of memory at step {run.step + 1}: from here on {rows // 2} rows are computed at a time instead "
        f"of {rows}; a step still learns from {plan.batch}",
        file=sys.stderr,
        flush=True,
    )
    return rows // 2


def _skip(wrong: str, batch: Batch, plan: Plan, run: Run) -> None:
    """Note that the step is left out, or stop the run."""
    import sys

    place = f"{wrong} at step {run.step + 1} of {plan.steps}, which learns from {batch.documents()}"
    if not plan.skip_faults:
        raise UserError(
            f"{place}. Lower learning_rate in params.yaml, or lengthen the warmup; if it is these documents, "
            "leave them out, or set faults: skip to go on from here without such steps."
        )
    run.skipped.append(run.step + 1)
    if len(run.skipped) > MOST_SKIPPED:
        raise UserError(
            f"{place}; {len(run.skipped)} steps were left out before. Lower learning_rate in params.yaml."
        )
    print(f"{place}: skipped", file=sys.stderr, flush=True)


def _clear(optimizers: Sequence[torch.optim.Optimizer]) -> None:
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)


def _log(run: Run, values: Mapping[str, float], spool: Spool, speed: Speedometer) -> None:
    point: Point = {"step": run.step, "tokens": run.tokens}
    point.update({name: round(value, 8) for name, value in values.items()})
    run.curve.append(point)
    figures = {"tokens": run.tokens, "peak_memory_bytes": peak_memory_bytes(), **speed.read(run.tokens)}
    spool.metrics(run.step, {**values, **figures})


def _validate(
    model: torch.nn.Module,
    validate: Callable[[], Mapping[str, float]],
    plan: Plan,
    run: Run,
    spool: Spool,
    kept: Kept,
) -> None:
    import torch

    model.eval()
    with torch.no_grad() if place().is_sharded else torch.inference_mode():
        figures = of_first(dict(asked(model, validate)))
    released(model)
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
        kept.best = {key: weight.detach().clone() for key, weight in model.named_parameters()}


def _save(
    model: torch.nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    checkpoints: Checkpoints,
    run: Run,
    kept: Kept,
) -> None:
    tensors: dict[str, torch.Tensor] = {f"model/{name}": weight for name, weight in model.named_parameters()}
    tensors.update({f"optimizer/{name}": value for name, value in state_tensors(optimizers).items()})
    tensors.update({f"best/{name}": weight for name, weight in kept.best.items()})
    tensors.update({f"average/{name}": weight for name, weight in kept.average.weights.items()})
    tensors = {name: whole(tensor.detach()) for name, tensor in tensors.items()}
    state = asdict(run)
    if place().is_first:
        checkpoints.save(state.pop("step"), state, tensors)


def _resume(
    model: torch.nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    checkpoints: Checkpoints,
    kept: Kept,
    plan: Plan,
) -> Run:
    found = checkpoints.load() if place().is_first else None
    head = of_first(found[:2] if found else None)
    if head is None:
        return Run(rows=plan.rows)
    step, state = head
    parts: dict[str, dict[str, Any]] = {"model": {}, "optimizer": {}, "best": {}, "average": {}}
    for key, value in tensors_of_first(found[2] if found else None).items():
        room, _, name = key.partition("/")
        parts[room][name] = value
    weights = dict(model.named_parameters())
    kept.average.put(all_divided_like(weights, parts["model"]))
    kept.average.weights = all_divided_like(weights, parts["average"])
    kept.best = all_divided_like(weights, parts["best"])
    set_factor(optimizers, 1.0)
    restore(optimizers, state_like(optimizers, parts["optimizer"]))
    return Run(step=step, **state)
