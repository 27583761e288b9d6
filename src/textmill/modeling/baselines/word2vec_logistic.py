"""Word2Vec and logistic regression: a text is the mean of its words, learned from the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError
from textmill.modeling.baselines import Rows

SIZE, WINDOW, EPOCHS, FEWEST = 100, 5, 20, 2
STRENGTHS = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularization strengths tried (scikit-learn's C)."""


def predict(
    train: Rows, validation: Rows, inputs: Sequence[str], words: Callable[[str], list[str]]
) -> list[str]:
    """Labels by logistic regression on means of skip-gram vectors (Mikolov et al., 2013).

    The strength of regularization is chosen by macro-F1 on the validation rows. One thread and a fixed seed:
    the same rows give the same labels.

    Raises:
        UserError: gensim is missing, or no word occurs twice in the training rows.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    vectors = _vectors([words(text) for text in train.inputs])
    known = _means(vectors, train.inputs, words)
    held_out = _means(vectors, validation.inputs, words)
    best: tuple[float, Any] | None = None
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=2000).fit(known, train.targets)
        guesses = model.predict(held_out)
        score = float(f1_score(validation.targets, guesses, average="macro", zero_division=0))
        if best is None or score > best[0]:
            best = (score, model)
    assert best is not None
    return [str(label) for label in best[1].predict(_means(vectors, inputs, words))]


def _vectors(texts: Sequence[list[str]]) -> Any:
    try:
        from gensim.models import Word2Vec
    except ImportError:
        raise UserError(
            "baselines: word2vec_logistic needs the package gensim; run: pip install 'textmill[embeddings]'."
        ) from None
    every = [word for text in texts for word in text]
    if len(every) == len(set(every)):
        raise UserError("baselines: word2vec_logistic: no word occurs twice in the training rows.")
    model = Word2Vec(
        texts, vector_size=SIZE, window=WINDOW, min_count=FEWEST, sg=1, epochs=EPOCHS, seed=1, workers=1
    )
    return model.wv


def _means(vectors: Any, texts: Sequence[str], words: Callable[[str], list[str]]) -> npt.NDArray[np.float32]:
    """Of shape (texts, SIZE); zeros for a text without a known word."""
    means = np.zeros((len(texts), SIZE), np.float32)
    for row, text in enumerate(texts):
        known = [word for word in words(text) if word in vectors]
        if known:
            means[row] = vectors[known].mean(axis=0)
    return means
