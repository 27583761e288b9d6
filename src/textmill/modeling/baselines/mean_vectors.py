"""Logistic regression on a text's mean word vector, whatever the vectors were learned by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.modeling.baselines import Rows

STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularization strengths tried (scikit-learn's C)."""

Floats = npt.NDArray[np.float32]
Words = Callable[[str], list[str]]


def predict_from_means(
    vectors: Mapping[str, Floats], train: Rows, validation: Rows, inputs: Sequence[str], words: Words
) -> list[str]:
    """Labels by logistic regression on means of `vectors`, which are all of one length.

    The strength of regularization is chosen by macro-F1 on the validation rows.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    known = means(vectors, train.inputs, words)
    held_out = means(vectors, validation.inputs, words)
    best: tuple[float, Any] | None = None
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=2000).fit(known, train.targets)
        guesses = model.predict(held_out)
        score = float(f1_score(validation.targets, guesses, average="macro", zero_division=0))
        if best is None or score > best[0]:
            best = (score, model)
    assert best is not None
    return [str(label) for label in best[1].predict(means(vectors, inputs, words))]


def means(vectors: Mapping[str, Floats], texts: Sequence[str], words: Words) -> Floats:
    """The mean vector of each text's known words, float32 (texts, dimensions); zeros where none is known."""
    size = len(next(iter(vectors.values())))
    found = np.zeros((len(texts), size), np.float32)
    for row, text in enumerate(texts):
        known = [vectors[word] for word in words(text) if word in vectors]
        if known:
            found[row] = np.mean(known, axis=0)
    return found
