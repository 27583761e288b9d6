"""Accuracy, F1 (macro, micro, per label) and Matthews correlation, as scikit-learn defines them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textmill.evaluation.metrics.metric import Floats, Metric, mean_score, with_count


def accuracy() -> Metric:
    """Share of items whose label is right, from 0 to 1."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        return with_count((np.asarray(predictions) == np.asarray(targets)).astype(np.float64))

    return Metric("accuracy", statistics, mean_score)


def _confusion_counts(labels: Sequence[str]):
    columns = np.asarray(labels)

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        predicted = np.asarray(predictions)[:, None] == columns
        gold = np.asarray(targets)[:, None] == columns
        return np.concatenate([predicted & gold, predicted, gold], axis=1).astype(np.float64)

    return statistics


def _split(sums: Floats) -> tuple[Floats, Floats]:
    hits, predicted, gold = np.split(sums, 3, axis=-1)
    return hits, predicted + gold


def macro_of_counts(sums: Floats) -> Floats:
    """Macro-F1 of sums of (hits, predicted, gold), each one per label: (..., 3 x labels) to (...)."""
    hits, support = _split(sums)
    f1 = np.divide(2 * hits, support, out=np.zeros_like(hits), where=support > 0)
    # Like scikit-learn, a label that occurs neither in targets nor predictions has no F1 to average.
    return f1.sum(-1) / np.maximum((support > 0).sum(-1), 1)


def micro_of_counts(sums: Floats) -> Floats:
    """Micro-F1 of sums as for `macro_of_counts`."""
    hits, support = _split(sums)
    return 2 * hits.sum(-1) / np.maximum(support.sum(-1), 1)


def macro_f1(labels: Sequence[str]) -> Metric:
    """Unweighted mean of the F1 of each label, from 0 to 1."""
    return Metric("macro_f1", _confusion_counts(labels), macro_of_counts)


def micro_f1(labels: Sequence[str]) -> Metric:
    """F1 of counts pooled over labels, from 0 to 1; equals accuracy when each item has one label."""
    return Metric("micro_f1", _confusion_counts(labels), micro_of_counts)


def label_f1(label: str) -> Metric:
    """F1 of one label against all others, from 0 to 1; 0 where the label occurs nowhere."""
    return Metric(f"f1[{label}]", _confusion_counts([label]), macro_of_counts)


def matthews(labels: Sequence[str]) -> Metric:
    """Matthews correlation, -1 to 1 (R_K of Gorodkin 2004); 0 where one side has a single label.

    A prediction that is none of `labels` is of one label more.
    """
    counts = _confusion_counts(labels)

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        return np.concatenate([counts(predictions, targets), np.ones((len(targets), 1))], axis=1)

    return Metric("mcc", statistics, _correlation)


def _correlation(sums: Floats) -> Floats:
    hits, predicted, gold = np.split(sums[..., :-1], 3, axis=-1)
    items = sums[..., -1]
    unknown = items - predicted.sum(-1)
    covariance = hits.sum(-1) * items - (predicted * gold).sum(-1)
    spread = (items**2 - (predicted**2).sum(-1) - unknown**2) * (items**2 - (gold**2).sum(-1))
    return np.divide(covariance, np.sqrt(spread), out=np.zeros_like(covariance), where=spread > 0)
