"""A fine-tuning run from task rows to a saved model, and its control from random weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.modeling.adapters import adapt
from textmill.modeling.prompts import prompt, with_template
from textmill.modeling.saving import copy_tokenizer, save_model
from textmill.progress import Progress
from textmill.training.bases import is_decoder, load_model, load_tokenizer
from textmill.training.batches import Batch, Part, cuts
from textmill.training.checkpoints import Checkpoints
from textmill.training.corruption import IGNORED
from textmill.training.device import autocast, placed
from textmill.training.events import Spool
from textmill.training.examples import Examples, Rows, encode, label_numbers, read_rows
from textmill.training.loop import Run, fit
from textmill.training.objectives import answer_loss, class_logits, target_loss
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
        self.tokenizer = tokenizer = load_tokenizer(params.base)
        self.labels: list[str] = []
        self.is_decoder = params.objective == "generation" and is_decoder(params.base)
        targets: Any = None
        if self.is_decoder:
            inputs, targets = _answered(tokenizer, params, (train, validation))
        else:
            inputs = [encode(tokenizer, rows.inputs, params.max_input_tokens) for rows in (train, validation)]
            if params.objective == "classification":
                self.labels, *targets = label_numbers(train, validation)
            else:
                targets = [
                    encode(tokenizer, rows.targets, params.max_target_tokens) for rows in (train, validation)
                ]
        pad = tokenizer.pad_token_id if not self.is_decoder else tokenizer.pad_token_id or 0
        if pad is None:
            raise UserError(f"{params.base}: expected a tokenizer with a padding token, found none.")
        self.train, self.validation = (
            Examples(ids, answers, params.batch, pad, seed)
            for ids, answers in zip(inputs, targets, strict=True)
        )

    def steps(self, epochs: float) -> int:
        """Optimizer steps of `epochs` passes, at least one."""
        return max(1, round(epochs * self.train.batches_per_epoch))


def _answered(tokenizer: Any, params: Finetune, splits: Sequence[Rows]) -> tuple[list[Any], list[Any]]:
    """Per split, requests with their answers as a decoder reads them, and labels, -100 in requests."""
    try:
        with_template(tokenizer)
    except ValueError as error:
        raise UserError(f"{params.base}: expected a decoder that can be asked, found {error}.") from error
    inputs, labels = [], []
    for rows in splits:
        asked = [prompt(tokenizer, text, params.max_input_tokens) for text in rows.inputs]
        room = params.max_target_tokens - 1
        answers = tokenizer(list(rows.targets), add_special_tokens=False, truncation=True, max_length=room)
        ended = [[*ids, tokenizer.eos_token_id] for ids in answers["input_ids"]]
        inputs.append([[*one, *other] for one, other in zip(asked, ended, strict=True)])
        labels.append([[IGNORED] * len(one) + other for one, other in zip(asked, ended, strict=True)])
    return inputs, labels


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
    _check_positions(model, params, task)
    plain = adapt(model, params.tuning, params.lora)
    model = placed(model, params.device)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    steps = task.steps(params.epochs)
    best = (params.best, params.best != "loss")
    run = fit(
        model, _batches(model, task, params), _validation(model, task, params), optimizers_of(model, params),
        plan_of(params, seed, steps, params.validations, best, params.patience), checkpoints, spool, progress,
    )  # fmt: skip
    model = plain()
    save_model(model, directory, lambda folder: _save_tokenizer(task, params, folder))
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "trained_parameters": trained,
        "steps": steps,
        **_results(run),
    }


def _check_positions(model: Any, params: Finetune, task: Task) -> None:
    longest = getattr(model.config, "max_position_embeddings", None)
    if task.is_decoder and longest and params.max_input_tokens + params.max_target_tokens > longest:
        raise UserError(
            f"{params.base}: reads {longest} tokens; expected max_input_tokens ({params.max_input_tokens}) "
            f"and max_target_tokens ({params.max_target_tokens}) to fit into them together."
        )


def _save_tokenizer(task: Task, params: Finetune, folder: Path) -> None:
    copy_tokenizer(params.base, folder)
    config = read_json(folder / "tokenizer_config.json") if task.is_decoder else {}
    if task.is_decoder and "chat_template" not in config and not (folder / "chat_template.jinja").is_file():
        write_json(folder / "tokenizer_config.json", config | {"chat_template": task.tokenizer.chat_template})


def _results(run: Run) -> dict[str, Any]:
    kept = next(point for point in run.curve if point["step"] == run.best_step)
    figures = {name: value for name, value in kept.items() if name.startswith("validation_")}
    return {
        "tokens": run.tokens,
        "curve": run.curve,
        "last_step": run.step,
        "best_step": run.best_step,
        "loss": run.loss,
        "skipped_steps": run.skipped,
        **figures,
    }


def _batches(model: Any, task: Task, params: Finetune) -> Callable[[int, int | None], Batch]:
    import numpy as np
    import torch

    text_loss = answer_loss if task.is_decoder else target_loss
    weights = _class_weights(task, params)
    weight = None if weights is None else torch.from_numpy(weights).float().to(model.device)

    def mean_loss(inputs: Any, attention: Any, labels: Any) -> Any:
        with autocast(params.precision, params.device):
            if params.objective == "generation":
                return text_loss(model, inputs, attention, labels, params.label_smoothing)
            logits = class_logits(model, inputs, attention)
        numbers = torch.from_numpy(labels).to(model.device)
        return torch.nn.functional.cross_entropy(
            logits, numbers, weight=weight, label_smoothing=params.label_smoothing
        )

    def batch(step: int, rows: int | None) -> Batch:
        arrays = task.train.step(step)
        inputs, attention, labels = arrays
        predicted = np.atleast_2d((labels >= 0).T).sum(axis=0)
        counts = predicted if weights is None else weights[labels]
        total = max(float(counts.sum()), 1e-9)
        read = int(attention.sum()) + (
            int(predicted.sum()) if text_loss is target_loss and not task.labels else 0
        )
        parts = [
            Part(float(counts[cut].sum()) / total, partial(mean_loss, *(array[cut] for array in arrays)))
            for cut in cuts(len(inputs), rows)
        ]
        return Batch(read, parts, lambda: f"rows {task.train.rows(step).tolist()} of {task.path}")

    return batch


def _class_weights(task: Task, params: Finetune) -> Any:
    """Rows over classes times rows of the class, float64 (classes,), scikit-learn's `balanced`; or None."""
    import numpy as np

    if params.class_weights == "none" or not task.labels:
        return None
    counts = np.bincount(np.asarray(task.train.targets), minlength=len(task.labels))
    return counts.sum() / (len(counts) * np.maximum(counts, 1))


def _validation(model: Any, task: Task, params: Finetune) -> Callable[[], Mapping[str, float]]:
    import torch

    text_loss = answer_loss if task.is_decoder else target_loss

    def classification() -> Mapping[str, float]:
        total, rows = 0.0, 0
        confusion = torch.zeros(len(task.labels), len(task.labels), dtype=torch.int64)
        for inputs, attention, labels in task.validation.in_order():
            with autocast(params.precision, params.device):
                logits = class_logits(model, inputs, attention)
            numbers = torch.from_numpy(labels).to(model.device)
            total += float(torch.nn.functional.cross_entropy(logits, numbers, reduction="sum"))
            places = numbers.cpu() * len(task.labels) + logits.argmax(dim=1).cpu()
            confusion += torch.bincount(places, minlength=confusion.numel()).reshape(confusion.shape)
            rows += len(labels)
        right = confusion.diagonal()
        seen = confusion.sum(dim=0) + confusion.sum(dim=1)
        f1 = 2 * right[seen > 0] / seen[seen > 0]
        return {
            "loss": total / rows,
            "accuracy": int(right.sum()) / rows,
            "macro_f1": float(f1.double().mean()),
        }

    def generation() -> Mapping[str, float]:
        total, tokens = 0.0, 0
        for inputs, attention, labels in task.validation.in_order():
            count = int((labels >= 0).sum())
            with autocast(params.precision, params.device):
                total += float(text_loss(model, inputs, attention, labels)) * count
            tokens += count
        return {"loss": total / tokens}

    return classification if params.objective == "classification" else generation


def write_no_control(directory: str | os.PathLike[str]) -> None:
    """Leave word in `directory` that the run has no control."""
    write_json(Path(directory) / "control.json", {"control": "none"})
