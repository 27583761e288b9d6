"""A fine-tuning run from task rows to a saved model, and its control from random weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.modeling.saving import copy_tokenizer, save_model
from textmill.progress import Progress
from textmill.training.bases import load_model, load_tokenizer
from textmill.training.batches import Batch, Part, cuts
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import autocast, placed
from textmill.training.events import Spool
from textmill.training.examples import Examples, encode, label_numbers, read_rows
from textmill.training.loop import Run, fit
from textmill.training.objectives import class_logits, target_loss
from textmill.training.pretrain_run import optimizers_of, plan_of


class Task:
    """A task encoded for one base model: examples of both splits and, for classification, the labels."""

    def __init__(self, params: Finetune, seed: int, directory: str | os.PathLike[str]):
        """Args: the run, its seed, and the directory with train.parquet and validation.parquet.

        Raises:
            UserError: rows, labels or tokenizer are not usable; see `textmill.training.examples`.
        """
        train, validation = read_rows(directory, "train"), read_rows(directory, "validation")
        self.path = train.path
        tokenizer = load_tokenizer(params.base)
        self.labels: list[str] = []
        targets: Any = None
        if params.objective == "classification":
            self.labels, *targets = label_numbers(train, validation)
        else:
            targets = [
                encode(tokenizer, rows.targets, params.max_target_tokens) for rows in (train, validation)
            ]
        inputs = [encode(tokenizer, rows.inputs, params.max_input_tokens) for rows in (train, validation)]
        pad = tokenizer.pad_token_id
        if pad is None:
            raise UserError(f"{params.base}: expected a tokenizer with a padding token, found none.")
        self.train, self.validation = (
            Examples(ids, answers, params.batch, pad, seed)
            for ids, answers in zip(inputs, targets, strict=True)
        )

    def steps(self, epochs: float) -> int:
        """Optimizer steps of `epochs` passes, at least one."""
        return max(1, round(epochs * self.train.batches_per_epoch))


def finetune(
    params: Finetune,
    seed: int,
    task: Task,
    directory: str | os.PathLike[str],
    is_control: bool,
    checkpoints: Checkpoints,
    spool: Spool,
    progress: Progress,
) -> dict[str, Any]:
    """Train on `task` from the base's weights, or random ones for a control, and save in `directory`.

    Returns:
        The report: `parameters`, `steps`, `tokens`, `curve`, `best_step`, final `loss` and the kept
        weights' `validation_loss` (and `validation_accuracy`).
    """
    model = load_model(params.base, params.objective, task.labels, params.dropout, is_control, seed)
    model = placed(model, params.device)
    steps = task.steps(params.epochs)
    best = (params.best, params.best == "accuracy")
    run = fit(
        model, _batches(model, task, params), _validation(model, task, params), optimizers_of(model, params),
        plan_of(params, seed, steps, params.validations, best), checkpoints, spool, progress,
    )  # fmt: skip
    save_model(model, directory, lambda folder: copy_tokenizer(params.base, folder))
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "steps": steps,
        **_results(run),
    }


def _results(run: Run) -> dict[str, Any]:
    kept = next(point for point in run.curve if point["step"] == run.best_step)
    figures = {name: value for name, value in kept.items() if name.startswith("validation_")}
    return {
        "tokens": run.tokens,
        "curve": run.curve,
        "best_step": run.best_step,
        "loss": run.loss,
        "skipped_steps": run.skipped,
        **figures,
    }


def _batches(model: Any, task: Task, params: Finetune) -> Callable[[int, int | None], Batch]:
    import numpy as np
    import torch

    def mean_loss(inputs: Any, attention: Any, labels: Any) -> Any:
        with autocast(params.precision, params.device):
            if params.objective == "generation":
                return target_loss(model, inputs, attention, labels, params.label_smoothing)
            logits = class_logits(model, inputs, attention)
        numbers = torch.from_numpy(labels).to(model.device)
        return torch.nn.functional.cross_entropy(logits, numbers, label_smoothing=params.label_smoothing)

    def batch(step: int, rows: int | None) -> Batch:
        arrays = task.train.step(step)
        inputs, attention, labels = arrays
        predicted = np.atleast_2d((labels >= 0).T).sum(axis=0)
        total = max(int(predicted.sum()), 1)
        read = int(attention.sum()) + (total if params.objective == "generation" else 0)
        parts = [
            Part(float(predicted[cut].sum()) / total, partial(mean_loss, *(array[cut] for array in arrays)))
            for cut in cuts(len(inputs), rows)
        ]
        return Batch(read, parts, lambda: f"rows {task.train.rows(step).tolist()} of {task.path}")

    return batch


def _validation(model: Any, task: Task, params: Finetune) -> Callable[[], Mapping[str, float]]:
    import torch

    def classification() -> Mapping[str, float]:
        total, right, rows = 0.0, 0, 0
        for inputs, attention, labels in task.validation.in_order():
            with autocast(params.precision, params.device):
                logits = class_logits(model, inputs, attention)
            numbers = torch.from_numpy(labels).to(model.device)
            total += float(torch.nn.functional.cross_entropy(logits, numbers, reduction="sum"))
            right += int((logits.argmax(dim=1) == numbers).sum())
            rows += len(labels)
        return {"loss": total / rows, "accuracy": right / rows}

    def generation() -> Mapping[str, float]:
        total, tokens = 0.0, 0
        for inputs, attention, labels in task.validation.in_order():
            count = int((labels >= 0).sum())
            with autocast(params.precision, params.device):
                total += float(target_loss(model, inputs, attention, labels)) * count
            tokens += count
        return {"loss": total / tokens}

    return classification if params.objective == "classification" else generation


def write_no_control(directory: str | os.PathLike[str]) -> None:
    """Leave word in `directory` that the run has no control."""
    from textmill.files import write_json

    write_json(Path(directory) / "control.json", {"control": "none"})
