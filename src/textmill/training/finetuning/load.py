"""From a run's params and its task's rows to the objective that it learns."""

from __future__ import annotations

import os
from collections.abc import Callable

from textmill.config.finetune import Finetune
from textmill.training.bases import is_decoder, load_tokenizer
from textmill.training.examples import read_row_weights, read_rows
from textmill.training.finetuning.classification import Classification
from textmill.training.finetuning.dialogue import Dialogue
from textmill.training.finetuning.extraction import Extraction
from textmill.training.finetuning.generation import Answering, Transduction
from textmill.training.finetuning.multilabel import Multilabel
from textmill.training.finetuning.objective import Objective
from textmill.training.finetuning.preference import Preference
from textmill.training.finetuning.tagging import Tagging

OBJECTIVES: dict[str, Callable[[Finetune], type[Objective]]] = {
    "classification": lambda params: Classification,
    "generation": lambda params: Answering if is_decoder(params.base) else Transduction,
    "dialogue": lambda params: Dialogue,
    "preference": lambda params: Preference,
    "multilabel": lambda params: Multilabel,
    "tagging": lambda params: Tagging,
    "extraction": lambda params: Extraction,
}
"""The objective of each name in `textmill.config.finetune.OBJECTIVES`, given the run."""


def load_objective(
    params: Finetune,
    seed: int,
    directory: str | os.PathLike[str],
    weights: str | os.PathLike[str] = "data/task_weights",
) -> Objective:
    """Read and encode the rows of a task for the base model of a run.

    Args:
        params: the run.
        seed: decides the order of the rows.
        directory: has train.parquet and validation.parquet.
        weights: has TASK.parquet with the weights of training rows, for a run with `row_weights`.

    Raises:
        UserError: rows, labels or tokenizer are not usable; see `textmill.training.examples`.
    """
    train, validation = read_rows(directory, "train"), read_rows(directory, "validation")
    tokenizer = load_tokenizer(params.base)
    objective = OBJECTIVES[params.objective](params)(params, seed, tokenizer, train, validation)
    if params.row_weights:
        assert isinstance(objective, Classification)  # config allows them for no other
        objective.row_weights = read_row_weights(train.path, weights, params.task)
    return objective
