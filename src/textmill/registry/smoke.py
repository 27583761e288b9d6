"""Load a registered model the way a user does, and ask it something."""

from __future__ import annotations

import math
from typing import Any


def answers(uri: str, inputs: list[str]) -> list[str]:
    """What the model at an MLflow address answers: a label or a text per input."""
    return [str(answer) for answer in _predict(uri, inputs).iloc[:, 0]]


def _predict(uri: str, inputs: list[str]) -> Any:
    import mlflow

    return mlflow.pyfunc.load_model(uri).predict(inputs)


def smoke_test(uri: str, inputs: list[str]) -> str:
    """Load the model at `uri` and ask it `inputs`; return what is wrong, or an empty string.

    Right is: one answer per input, probabilities that are numbers and sum to 1, and not silence only.
    """
    try:
        frame = _predict(uri, inputs)
    except Exception as error:  # whatever a damaged model raises is the finding itself
        first = str(error).splitlines()[0] if str(error) else "no message"
        return f"{uri} does not load and answer: {type(error).__name__}: {first}"
    if len(frame) != len(inputs):
        return f"{uri} gave {len(frame)} answers to {len(inputs)} inputs"
    if "scores" in frame:
        sums = [math.fsum(scores.values()) for scores in frame["scores"]]
        wrong = [total for total in sums if not math.isclose(total, 1.0, abs_tol=1e-3)]
        return f"{uri} gave probabilities that sum to {wrong[0]:.4g}, not 1" if wrong else ""
    if not any(text for text in frame.iloc[:, 0]):
        return f"{uri} answered every one of {len(inputs)} inputs with an empty text"
    return ""
