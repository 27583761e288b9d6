"""ROUGE and exact match: means of per-item scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textmill.evaluation.metrics.metric import Floats, Metric, mean_score, with_count
from textmill.evaluation.words import split_words


class _Words:
    """The tokenizer rouge-score calls."""

    def tokenize(self, text: str) -> list[str]:
        return split_words(text)


def rouge(kind: str) -> Metric:
    """Mean ROUGE F1 (Lin 2004) by rouge-score, 0 to 100; words as `split_words`, no stemmer.

    Args:
        kind: ``rouge1``, ``rouge2`` or ``rougeL``.
    """

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer([kind], tokenizer=_Words())
        pairs = zip(targets, predictions, strict=True)
        scores = [100.0 * scorer.score(target, predicted)[kind].fmeasure for target, predicted in pairs]
        return with_count(np.asarray(scores, dtype=np.float64))

    return Metric(kind, statistics, mean_score)


def exact_match() -> Metric:
    """Share of predictions equal to the target but for white space around and between words, 0 to 100."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        pairs = zip(targets, predictions, strict=True)
        return with_count(np.asarray([100.0 * (a.split() == b.split()) for a, b in pairs], dtype=np.float64))

    return Metric("exact_match", statistics, mean_score)
