"""How varied and how repetitive outputs are; targets play no part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textmill.evaluation.metrics.metric import Floats, Metric, mean_score, with_count
from textmill.evaluation.words import split_words

_REPEATED = 4


def distinct(size: int) -> Metric:
    """Mean over outputs of the share of its n-grams of words that differ, 0 to 1 (after Li et al. 2016).

    Li et al. count over all outputs at once, a figure that falls with the number of outputs and that
    resampling distorts; within each output it does neither. An output without n-grams is left out.
    """

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        return _shares([_distinct_share(text, size) for text in predictions])

    return Metric(f"distinct{size}", statistics, _mean_of_some)


def repetition() -> Metric:
    """Mean share of word 4-grams seen before in the same output (seq-rep-4, Welleck et al. 2020)."""

    def statistics(predictions: Sequence[str], targets: Sequence[str]) -> Floats:
        shares = [_distinct_share(text, _REPEATED) for text in predictions]
        # An output too short for a 4-gram repeats nothing.
        return with_count(np.asarray([0.0 if share is None else 1.0 - share for share in shares]))

    return Metric("repetition", statistics, mean_score, better="lower")


def _distinct_share(text: str, size: int) -> float | None:
    words = split_words(text)
    ngrams = list(zip(*(words[start:] for start in range(size)), strict=False))
    return len(set(ngrams)) / len(ngrams) if ngrams else None


def _shares(shares: Sequence[float | None]) -> Floats:
    return np.asarray([(0.0, 0.0) if share is None else (share, 1.0) for share in shares]).reshape(-1, 2)


def _mean_of_some(sums: Floats) -> Floats:
    """A mean over the items that have a value; 0 where none has."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.zeros(sums.shape[:-1]), where=sums[..., 1] > 0)
