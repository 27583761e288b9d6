"""A fine-tuning run from an objective to a saved model, and its control from random weights."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.files import write_json
from textmill.modeling.adapters import adapt
from textmill.modeling.architectures import learned_positions
from textmill.modeling.saving import save_model
from textmill.progress import Progress
from textmill.training.bases import load_model
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import lightened, placed
from textmill.training.events import Spool
from textmill.training.finetuning.objective import Objective
from textmill.training.finetuning.privacy import Privately
from textmill.training.loop import Plan, Run, fit
from textmill.training.padding import MULTIPLE
from textmill.training.pretrain_run import optimizers_of, plan_of
from textmill.training.ranks import place


def finetune(
    objective: Objective,
    directory: str | os.PathLike[str],
    is_control: bool,
    checkpoints: Checkpoints,
    spool: Spool,
    progress: Progress,
) -> dict[str, Any]:
    """Train on `objective` from the base's weights, or as its control, and save in `directory`.

    Returns:
        The report: `parameters`, `steps`, `tokens`, `curve`, `best_step`, final `loss`, the kept weights'
        `validation_loss` (and further validation figures), what the objective settled at the end, and of a
        private run what was spent (`privacy`).

    Raises:
        UserError: base, tokenizer and recipe do not fit together.
    """
    params, seed = objective.params, objective.seed
    model = load_model(
        params.base,
        objective.head,
        objective.labels,
        params.dropout,
        is_control and params.control == "random",
        seed,
        objective.problem,
    )
    _check_fit(model, objective)
    plain = adapt(model, params.tuning, params.lora)
    model = lightened(model, params.device, params.compile, params.recompute, params.attention)
    model = placed(model, params.device)
    objective.begin(model, is_control)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    steps = objective.steps(params.epochs)
    best = (params.best, params.best != "loss")
    private = Privately(objective, model, steps) if params.privacy else None
    run = fit(
        model,
        private.batch if private else partial(objective.batch, model),
        partial(objective.figures, model),
        optimizers_of(model, params),
        _plan(params, seed, steps, best),
        checkpoints,
        spool,
        progress,
    )
    model = plain()
    settled = objective.finish(model)
    if place().is_first:
        save_model(model, directory, objective.save)
    return {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "trained_parameters": trained,
        "steps": steps,
        **_results(run),
        **settled,
        **({"privacy": private.spent(run.step)} if private else {}),
    }


def _plan(params: Finetune, seed: int, steps: int, best: tuple[str, bool]) -> Plan:
    """The plan of the run; what is private is clipped row by row already."""
    plan = plan_of(params, seed, steps, params.validations, best, params.patience)
    return replace(plan, clip=math.inf) if params.privacy else plan


def _check_fit(model: Any, objective: Objective) -> None:
    """Sequences must fit into the model's positions, and token ids into its embeddings."""
    params = objective.params
    longest = getattr(model.config, "max_position_embeddings", None)
    if longest and objective.longest() > longest:
        both = objective.longest() > params.max_input_tokens
        raise UserError(
            f"{params.base}: reads {longest} tokens; expected max_input_tokens ({params.max_input_tokens}) "
            + (f"and max_target_tokens ({params.max_target_tokens}) " if both else "")
            + ("to fit into them together." if both else "to be no more.")
        )
    learned = learned_positions(model.config)
    wanted = max(objective.longest(), params.max_target_tokens if model.config.is_encoder_decoder else 0)
    if learned and -(-wanted // MULTIPLE) * MULTIPLE > learned:
        raise UserError(
            f"{params.base}: has vectors for {learned} positions and batches are padded to a multiple of "
            f"{MULTIPLE}; expected max_input_tokens and max_target_tokens to fit, found {wanted}."
        )
    rows, tokens = model.get_input_embeddings().num_embeddings, len(objective.tokenizer)
    if tokens > rows:
        raise UserError(
            f"{params.base}: the tokenizer has {tokens:,} tokens and the model embeddings for {rows:,}; "
            "expected the tokenizer that the model was trained with."
        )


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


def write_no_control(directory: str | os.PathLike[str]) -> None:
    """Leave word in `directory` that the run has no control."""
    write_json(Path(directory) / "control.json", {"control": "none"})
