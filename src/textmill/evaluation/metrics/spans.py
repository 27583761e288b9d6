"""Metrics of sequence labelling: precision, recall and F1 of whole spans, as seqeval and CoNLL count them.

A span is right when its label, beginning and end are. Counts of sentences add up, so that resampling
sentences resamples spans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from textmill.evaluation.metrics.metric import Floats, Metric
from textmill.modeling.targets import read_spans


def span_counts(label: str | None = None) -> Callable[[Sequence[str], Sequence[str]], Floats]:
    """Statistics: spans hit, given and right in each sentence, of one label or all: (n, 3)."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        rows = []
        for pair in zip(predictions, targets, strict=True):
            given, gold = (
                {span for span in read_spans(tags.split()) if label in (None, span.label)} for tags in pair
            )
            rows.append([len(given & gold), len(given), len(gold)])
        return np.array(rows, np.float64).reshape(-1, 3)

    return statistics


def _ratio(hits: Floats, size: Floats) -> Floats:
    return np.divide(hits, size, out=np.zeros_like(hits), where=size > 0)


def span_precision() -> Metric:
    """Share of given spans that are right, from 0 to 1."""
    return Metric("span_precision", span_counts(), lambda sums: _ratio(sums[..., 0], sums[..., 1]))


def span_recall() -> Metric:
    """Share of right spans that are given, from 0 to 1."""
    return Metric("span_recall", span_counts(), lambda sums: _ratio(sums[..., 0], sums[..., 2]))


def span_f1() -> Metric:
    """F1 of spans, pooled over labels and sentences, from 0 to 1."""
    return Metric("span_f1", span_counts(), _f1)


def label_f1(label: str) -> Metric:
    """F1 of the spans of one label, from 0 to 1; 0 where there are none."""
    return Metric(f"f1[{label}]", span_counts(label), _f1)


def macro_f1(labels: Sequence[str]) -> Metric:
    """Unweighted mean of the F1 of each label that occurs, from 0 to 1."""
    each = [span_counts(label) for label in labels]

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        return np.concatenate([count(predictions, targets) for count in each], axis=1)

    def score(sums: Floats) -> Floats:
        counts = sums.reshape(*sums.shape[:-1], len(labels), 3)
        size = counts[..., 1] + counts[..., 2]
        f1 = _ratio(2 * counts[..., 0], size)
        return f1.sum(-1) / np.maximum((size > 0).sum(-1), 1)

    return Metric("macro_f1", statistics, score)


def _f1(sums: Floats) -> Floats:
    return _ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def tag_accuracy() -> Metric:
    """Share of units whose tag is right, from 0 to 1."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        rows = []
        for found, wanted in zip(predictions, targets, strict=True):
            given, gold = found.split(), wanted.split()
            rows.append([sum(a == b for a, b in zip(given, gold, strict=True)), len(gold)])
        return np.array(rows, np.float64).reshape(-1, 2)

    return Metric("tag_accuracy", statistics, lambda sums: _ratio(sums[..., 0], sums[..., 1]))
