"""Bootstrap intervals and paired comparisons (Efron 1979; Koehn 2004) from per-item statistics.

The test items are what is resampled: an interval says how the figure would vary with other items of the
same kind, not with another training seed. Every model sees the same resamples, so that differences are
paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from textmill.evaluation.metrics.metric import Better, Floats, Metric

CONFIDENCE = 0.95
_WEIGHTS_PER_CHUNK = 4_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % percentile interval over `n` items."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """A paired difference, model minus other, with interval, two-sided p and verdict."""

    difference: float
    low: float
    high: float
    p: float
    verdict: str


@dataclass(frozen=True)
class Scores:
    """One metric of several models: `value[model]` on all items, `resampled[model]` of shape (resamples,)."""

    metric: Metric
    value: Mapping[str, float]
    resampled: Mapping[str, Floats]
    n: int

    def estimate(self, model: str) -> Estimate:
        """The model's figure with its interval."""
        low, high = _interval(self.resampled[model])
        return Estimate(self.value[model], low, high, self.n)

    def compare(self, model: str, other: str) -> Comparison:
        """`model` against `other` on the same items."""
        difference = self.value[model] - self.value[other]
        resampled = self.resampled[model] - self.resampled[other]
        low, high = _interval(resampled)
        return Comparison(difference, low, high, _p_value(resampled), _verdict(low, high, self.metric.better))


def resample_weights(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Yield how often each of `n` items is drawn in each resample: chunks of shape (b, n), float64.

    The draws depend on `n`, `resamples` and `seed` alone, never on the chunks.
    """
    generator = np.random.default_rng([seed, n])
    rows = max(1, _WEIGHTS_PER_CHUNK // n)
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        drawn = generator.integers(0, n, size=(count, n))
        drawn += np.arange(count)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float64)


def bootstrap(
    metrics: list[Metric], statistics: Mapping[str, list[Floats]], resamples: int, seed: int
) -> list[Scores]:
    """Score every metric of every model on all items and on each resample.

    Args:
        metrics: m metrics.
        statistics: for each model its m statistics arrays, shape (n, k_m), items in one order for all models.
        resamples: how many bootstrap resamples, at least 1,000 for a 95 % interval worth reporting.
        seed: of the draws.
    """
    columns = [(model, place) for model in statistics for place in range(len(metrics))]
    table = np.concatenate([statistics[model][place] for model, place in columns], axis=1)
    widths = np.cumsum([statistics[model][place].shape[1] for model, place in columns])
    sums = np.concatenate([weights @ table for weights in resample_weights(len(table), resamples, seed)])
    total = table.sum(0)
    scores = [Scores(metric, {}, {}, len(table)) for metric in metrics]
    for (model, place), end in zip(columns, widths, strict=True):
        part = slice(end - statistics[model][place].shape[1], end)
        metric = metrics[place]
        scores[place].value[model] = float(metric.score(total[part]))  # type: ignore[index]
        scores[place].resampled[model] = metric.score(sums[:, part])  # type: ignore[index]
    return scores


def _interval(values: Floats) -> tuple[float, float]:
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(values, [tail, 1.0 - tail])
    return float(low), float(high)


def _p_value(differences: Floats) -> float:
    """Two-sided: twice the smaller share of resamples beyond zero, never below 2/(resamples + 1)."""
    beyond = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2.0 * (beyond + 1) / (len(differences) + 1))


def _verdict(low: float, high: float, better: Better) -> str:
    if better == "lower":
        low, high = -high, -low
    return "won" if low > 0 else "lost" if high < 0 else "tied"


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share, 0 to 1 (Wilson 1927).

    Raises:
        ValueError: `n` is 0.
    """
    if n == 0:
        raise ValueError("a share of nothing has no interval")
    z = 1.959963984540054
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, centre - half), min(1.0, centre + half)
