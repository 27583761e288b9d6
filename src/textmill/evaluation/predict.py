"""A fine-tuned model's predictions for a task of any kind, as strings like its targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from textmill.config.evaluate import Judgement


def predict(
    kind: str, directory: str | os.PathLike[str], inputs: Sequence[str], judgement: Judgement, **common: Any
) -> list[str]:
    """One prediction per input.

    Args:
        kind: of the task.
        directory: the model.
        inputs: the rows' inputs.
        judgement: says how texts are decoded.
        common: max_input_tokens, batch_tokens, threads and advance, as for `classify`.

    Raises:
        UserError: the directory holds no model for this kind of task.
    """
    from textmill.evaluation.classify import classify
    from textmill.evaluation.extraction import extract
    from textmill.evaluation.generation import generate
    from textmill.evaluation.label_sets import label_sets
    from textmill.evaluation.tagging import tag

    functions: dict[str, Callable[..., list[str]]] = {
        "classification": classify,
        "multilabel": label_sets,
        "generation": generate,
        "tagging": tag,
        "extraction": extract,
    }
    if kind not in functions or kind == "generation":
        common |= {"beams": judgement.beams or 1, "max_new_tokens": judgement.max_new_tokens or 64}
        common |= {"decoding": judgement.decoding or "torch"}
    return functions.get(kind, generate)(directory, inputs, **common)
