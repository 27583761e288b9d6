"""A pretraining run from tokens to a saved model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from textmill.config.pretrain import SIZES, Pretrain
from textmill.config.training import Training
from textmill.errors import UserError
from textmill.modeling.architectures import Shape, build, count_parameters
from textmill.modeling.saving import save_model
from textmill.progress import Progress
from textmill.tokenization.directory import load_tokenizer, save_tokenizer
from textmill.tokenization.packing import open_shards
from textmill.training.checkpoints import Checkpoints
from textmill.training.continued import load_base, resolved
from textmill.training.device import lightened, placed
from textmill.training.events import Spool
from textmill.training.loop import Plan, fit
from textmill.training.openings import newline_tokens
from textmill.training.optimizers import adamw, muon
from textmill.training.pretraining import Exercise, Pretraining, validation
from textmill.training.ranks import place
from textmill.training.speed import flops_per_token, peak_flops


def pretrain(
    params: Pretrain,
    seed: int,
    tokens: str | os.PathLike[str],
    tokenizer_directory: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    checkpoints: Checkpoints,
    spool: Spool,
    progress: Progress,
) -> dict[str, Any]:
    """Train the model that `params` describes on `tokens`/train and save it in `directory`.

    Returns:
        The report: `architecture`, `parameters`, `tokens`, `steps`, `curve`, final `loss` and
        `validation_loss` in nats per predicted token.

    Raises:
        UserError: the splits are too short, or a step has a fault (see `textmill.training.loop.fit`).
    """
    params = resolved(params)
    tokenizer = load_tokenizer(tokenizer_directory)
    model = _model(params, seed, tokenizer_directory, tokenizer.get_vocab_size())
    model = placed(
        lightened(model, params.device, params.compile, params.recompute, params.attention), params.device
    )
    splits = {split: open_shards(Path(tokens) / split) for split in ("train", "validation")}
    exercise = exercise_of(params, seed)
    newlines = newline_tokens(tokenizer.get_vocab())
    asked = Pretraining(model, exercise, splits["train"], f"{tokens}/train", newlines)
    validate = validation(
        model, exercise, splits["validation"], f"{tokens}/validation", params.validation_tokens
    )
    spool.start(
        {**params.model_dump(), "seed": seed, "parameters": count_parameters(model)},
        [{"path": str(tokens), "rows": splits["train"].documents}],
    )
    run = fit(
        model, asked.batch, validate, optimizers_of(model, params),
        _plan(model, params, seed), checkpoints, spool, progress,
    )  # fmt: skip
    last = run.curve[-1]
    spool.end({"loss": run.loss, "validation_loss": last["validation_loss"], "tokens": run.tokens})
    if place().is_first:
        save_model(
            model,
            directory,
            lambda folder: save_tokenizer(tokenizer, folder, params.architecture, params.longest_input),
        )
    return {
        "architecture": params.architecture,
        "parameters": count_parameters(model),
        "steps": params.steps,
        "tokens": run.tokens,
        "curve": run.curve,
        "loss": run.loss,
        "skipped_steps": run.skipped,
        "validation_loss": last["validation_loss"],
    }


def exercise_of(params: Pretrain, seed: int) -> Exercise:
    """What `params` asks of the model."""
    return Exercise(
        architecture=params.architecture,
        context=params.context,
        batch=params.batch,
        precision=params.precision,
        seed=seed,
        mask_rate=params.mask_rate,
        noise_density=params.noise_density,
        mean_span=params.mean_span,
        first_line=params.first_line if params.architecture == "seq2seq" else 0.0,
        rebuild=params.rebuild,
        document_attention=params.document_attention,
        is_infilling=params.is_infilling,
    )


def _model(params: Pretrain, seed: int, tokenizer_directory: str | os.PathLike[str], vocab_size: int) -> Any:
    import torch

    torch.manual_seed(seed)
    model = load_base(params, tokenizer_directory) if params.goes_on else _new_model(params, vocab_size)
    if params.is_infilling:
        # Says to the evaluation what was asked for.
        model.config.denoising = "infilling"
    return model


def _new_model(params: Pretrain, vocab_size: int) -> Any:
    layers, hidden, heads, inner = (int(getattr(params, name)) for name in SIZES)
    shape = Shape(layers, hidden, heads, inner, params.longest_input, vocab_size)
    try:
        return build(params.architecture, shape, params.style_name)
    except ValueError as error:
        raise UserError(
            f"params.yaml: pretrain: no {params.architecture} has this shape: {error}."
        ) from error


def optimizers_of(model: Any, params: Training) -> list[Any]:
    """The optimizers that `params` asks for."""
    if params.optimizer == "adamw":
        return adamw(model, params.learning_rate, params.weight_decay)
    return muon(model, params.learning_rate, params.embedding_learning_rate, params.weight_decay)


def _plan(model: Any, params: Pretrain, seed: int) -> Plan:
    """The plan of a pretraining run, which tells the tracker how much of the device it uses."""
    return replace(
        plan_of(params, seed, params.steps, params.validations),
        flops=flops_per_token(model, params.context),
        peak_flops=place().size * peak_flops(params.device, params.precision, params.threads),
    )


def plan_of(
    params: Training,
    seed: int,
    steps: int,
    validations: int,
    best: tuple[str, bool] | None = None,
    patience: int | None = None,
) -> Plan:
    """The loop's plan for `steps` steps with `validations` validations."""
    return Plan(
        steps=steps,
        batch=params.batch,
        seed=seed,
        learning_rate=params.learning_rate,
        warmup=params.warmup,
        decay=params.decay,
        clip=params.clip,
        log_every=params.log_every,
        validate_every=max(1, -(-steps // validations)),
        checkpoint_seconds=params.checkpoint_seconds,
        best=best,
        patience=patience,
        keep_last=best is not None,
        schedule=params.schedule,
        average=params.average,
        rows=params.rows_at_once,
        spike=params.spike,
        skip_faults=params.faults == "skip",
    )
