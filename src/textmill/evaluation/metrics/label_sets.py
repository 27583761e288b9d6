"""Metrics of label sets: F1 (macro, micro, per label) and subset accuracy, as scikit-learn defines them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textmill.evaluation.metrics.classification import macro_of_counts, micro_of_counts
from textmill.evaluation.metrics.metric import Floats, Metric, mean_score, with_count
from textmill.modeling.targets import read_labels


def subset_accuracy() -> Metric:
    """Share of items whose set of labels is exactly right, from 0 to 1."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        pairs = zip(predictions, targets, strict=True)
        return with_count(
            np.array([set(read_labels(a)) == set(read_labels(b)) for a, b in pairs], np.float64)
        )

    return Metric("subset_accuracy", statistics, mean_score)


def set_counts(labels: Sequence[str]):
    """Statistics: for each item and label whether it was hit, given, and right: (n, 3 x labels)."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        given, gold = (
            np.array([[label in found for label in labels] for found in map(read_labels, side)])
            for side in (predictions, targets)
        )
        return np.concatenate([given & gold, given, gold], axis=1).astype(np.float64)

    return statistics


def macro_f1(labels: Sequence[str]) -> Metric:
    """Unweighted mean of the F1 of each label, from 0 to 1; a label that occurs nowhere is left out."""
    return Metric("macro_f1", set_counts(labels), macro_of_counts)


def micro_f1(labels: Sequence[str]) -> Metric:
    """F1 of counts pooled over labels, from 0 to 1."""
    return Metric("micro_f1", set_counts(labels), micro_of_counts)


def label_f1(label: str) -> Metric:
    """F1 of one label, from 0 to 1; 0 where it occurs nowhere."""
    return Metric(f"f1[{label}]", set_counts([label]), macro_of_counts)
