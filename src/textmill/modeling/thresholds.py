"""Thresholds of a multi-label classifier: for each label the probability from which on it is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
USUAL = 0.5


def best_thresholds(scores: Floats, gold: npt.NDArray[np.bool_]) -> Floats:
    """For each label the threshold of the highest F1, half-way between two scores; the largest among equals.

    Args:
        scores: (rows, labels), 0 to 1.
        gold: like `scores`, where a row has the label.

    Returns:
        float64 (labels,); 0.5 for a label that no row has, or that all scores are equal for.
    """
    return np.array([_best(column, truth) for column, truth in zip(scores.T, gold.T, strict=True)])


def _best(scores: Floats, gold: npt.NDArray[np.bool_]) -> float:
    if not gold.any() or scores.min() == scores.max():
        return USUAL
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(gold[order])
    # A threshold can only stand between two scores that differ, or below all of them.
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    f1 = 2 * hits[last] / (last + 1 + gold.sum())
    place = last[int(np.argmax(f1))]
    below = ranked[place + 1] if place + 1 < len(ranked) else 0.0
    return float((ranked[place] + below) / 2)


def f1_figures(predicted: npt.NDArray[np.bool_], gold: npt.NDArray[np.bool_]) -> dict[str, float]:
    """``macro_f1`` over the labels that occur, and ``micro_f1``; both (rows, labels), 0 to 1."""
    hits = (predicted & gold).sum(axis=0)
    size = predicted.sum(axis=0) + gold.sum(axis=0)
    f1 = 2 * hits[size > 0] / size[size > 0]
    return {
        "macro_f1": float(f1.mean()) if len(f1) else 0.0,
        "micro_f1": float(2 * hits.sum() / max(size.sum(), 1)),
    }
