"""Figures for parts of the test rows: by language, source, label and length of the input.

An average can hide a part that a model fails on. Parts of fewer than `fewest` rows are left out: an interval
over so few says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from textmill.evaluation.metrics.metric import Floats, Metric
from textmill.evaluation.report import DIGITS
from textmill.evaluation.significance import bootstrap
from textmill.evaluation.words import split_words

MOST_PARTS = 24
"""Parts shown of one kind, the largest first; a source list can be long."""

QUARTERS = 4


def length_parts(inputs: Sequence[str]) -> list[str]:
    """For each input the quarter of lengths (words, in Chinese characters) it is in, such as ``12-30 words``.

    Bounds are quantiles of the inputs themselves; equal lengths are never parted.
    """
    lengths = np.array([len(split_words(text)) for text in inputs])
    inner = np.unique(np.quantile(lengths, np.arange(1, QUARTERS) / QUARTERS, method="higher"))
    quarter = np.searchsorted(inner, lengths, side="left")
    names = {}
    for number in np.unique(quarter).tolist():
        found = lengths[quarter == number]
        names[number] = f"{found.min()}-{found.max()} words"
    return [names[number] for number in quarter.tolist()]


def slice_table(
    columns: Mapping[str, Sequence[str]],
    metrics: Sequence[Metric],
    statistics: Mapping[str, list[Floats]],
    resamples: int,
    seed: int,
    fewest: int,
) -> list[dict[str, Any]]:
    """Every metric of every model on each part of the test rows.

    Args:
        columns: by name (``source``, ``label`` …) the part of each row; a column with one part is skipped.
        metrics: m metrics.
        statistics: for each model its m arrays of shape (n, k), as for `bootstrap`.
        fewest: rows a part must have.

    Returns:
        Rows ``{by, part, n, models: {model: {metric: {value, low, high}}}}``, column by column.
    """
    rows = []
    for by, values in columns.items():
        for part, places in _parts(values, fewest):
            chosen = {model: [array[places] for array in arrays] for model, arrays in statistics.items()}
            figures: dict[str, dict[str, Any]] = {model: {} for model in statistics}
            for scores in bootstrap(list(metrics), chosen, resamples, seed):
                for model in statistics:
                    found = scores.estimate(model)
                    figures[model][scores.metric.name] = {
                        "value": round(found.value, DIGITS),
                        "low": round(found.low, DIGITS),
                        "high": round(found.high, DIGITS),
                    }
            rows.append({"by": by, "part": part, "n": len(places), "models": figures})
    return rows


def _parts(values: Sequence[str], fewest: int) -> Iterator[tuple[str, np.ndarray]]:
    names, first, number, counts = np.unique(
        np.asarray(values, object).astype(str), return_index=True, return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        return
    largest = sorted(np.argsort(-counts, kind="stable")[:MOST_PARTS].tolist(), key=lambda place: first[place])
    for place in largest:
        if counts[place] >= fewest:
            yield str(names[place]), np.flatnonzero(number == place)
