"""TF-IDF and one logistic regression per label, with thresholds tuned like a fine-tuned model's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textmill.evaluation.words import split_words
from textmill.modeling.baselines import Rows
from textmill.modeling.baselines.tfidf_logistic import STRENGTHS, word_features
from textmill.modeling.targets import read_labels, write_labels
from textmill.modeling.thresholds import best_thresholds, f1_figures


def predict(
    train: Rows, validation: Rows, inputs: Sequence[str], words: Callable[[str], list[str]] = split_words
) -> list[str]:
    """Label sets by the best of six regularization strengths, chosen by macro-F1 on the validation rows."""
    sets = [[set(read_labels(target)) for target in rows.targets] for rows in (train, validation)]
    labels = sorted(set().union(*sets[0]))
    ours, theirs = (np.array([[label in found for label in labels] for found in side]) for side in sets)
    features = word_features(words)
    matrices = [features.fit_transform(train.inputs), *map(features.transform, (validation.inputs, inputs))]
    best: tuple[float, Any, Any] | None = None
    for strength in STRENGTHS:
        scores = [_scores(matrices[0], ours, matrix, strength) for matrix in matrices[1:]]
        thresholds = best_thresholds(scores[0], theirs)
        score = f1_figures(scores[0] >= thresholds, theirs)["macro_f1"]
        if best is None or score > best[0]:
            best = (score, scores[1], thresholds)
    assert best is not None
    return [
        write_labels(label for label, flag in zip(labels, row, strict=True) if flag)
        for row in best[1] >= best[2]
    ]


def _scores(known: Any, gold: Any, matrix: Any, strength: float) -> Any:
    """Probability of each label: float64 (rows of `matrix`, labels); one that all rows have is certain."""
    from sklearn.linear_model import LogisticRegression

    columns = []
    for truth in gold.T:
        if truth.all():
            columns.append(np.ones(matrix.shape[0]))
            continue
        model = LogisticRegression(C=strength, max_iter=1000).fit(known, truth)
        columns.append(model.predict_proba(matrix)[:, 1])
    return np.stack(columns, axis=1)
