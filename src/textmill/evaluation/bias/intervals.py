"""Intervals for shares and their differences, and the correction for looking at many of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np


def normal_quantile(confidence: float) -> float:
    """The two-sided standard normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def two_sided_p(z: float) -> float:
    """Probability of a standard normal value at least as far from zero as `z`."""
    return math.erfc(abs(z) / math.sqrt(2))


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927); (0, 1) when nothing was counted."""
    if n <= 0:
        return 0.0, 1.0
    z = normal_quantile(confidence)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n)
    # At the ends the bound is exact; rounding must not push it past.
    return (0.0 if successes == 0 else max(low, 0.0)), (1.0 if successes == n else min(high, 1.0))


def newcombe(x1: float, n1: float, x2: float, n2: float, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of x1/n1 - x2/n2 made of two Wilson intervals (Newcombe 1998, method 10)."""
    if n1 <= 0 or n2 <= 0:
        return -1.0, 1.0
    p1, p2 = x1 / n1, x2 / n2
    low1, high1 = wilson(x1, n1, confidence)
    low2, high2 = wilson(x2, n2, confidence)
    difference = p1 - p2
    low = difference - math.sqrt((p1 - low1) ** 2 + (high2 - p2) ** 2)
    high = difference + math.sqrt((high1 - p1) ** 2 + (p2 - low2) ** 2)
    return low, high


def fisher_or_z(x1: int, n1: int, x2: int, n2: int) -> float:
    """Two-sided p of x1/n1 = x2/n2: Fisher's exact test where fewer than 5 are expected, else the z test."""
    hits, total = x1 + x2, n1 + n2
    if hits in (0, total):
        return 1.0
    rate = hits / total
    if min(n1, n2) * min(rate, 1 - rate) < 5:
        from scipy.stats import fisher_exact

        return float(fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue)
    return two_sided_p((x1 / n1 - x2 / n2) / math.sqrt(rate * (1 - rate) * (1 / n1 + 1 / n2)))


def ratio_interval(
    y: float, x: float, yy: float, xy: float, xx: float, n: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval of a share of mentions, Σy / Σx, when mentions come in documents.

    A document that repeats a word does not count as many independent ones: the variance is that of a ratio
    estimator over clusters, linearised (Cochran 1977, section 6.4), so only sums over documents are needed.

    Args:
        y, x: sums over documents of the group's mentions and of the axis' mentions.
        yy, xy, xx: sums over documents of y², x·y and x².
        n: documents that have a mention.
    """
    if x <= 0 or n < 2:
        return 0.0, 1.0
    ratio = y / x
    squares = max(yy - 2 * ratio * xy + ratio * ratio * xx, 0.0)
    error = math.sqrt(n / (n - 1) * squares) / x
    z = normal_quantile(confidence)
    return max(ratio - z * error, 0.0), min(ratio + z * error, 1.0)


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """p-values that control the false discovery rate (Benjamini and Hochberg 1995), in the given order."""
    if not len(p):
        return []
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted = np.empty_like(scaled)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return [float(value) for value in adjusted]


def mantel_haenszel_difference(
    x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray
) -> tuple[float, float] | None:
    """The risk difference across strata and its standard error.

    Weights of Cochran and Mantel–Haenszel; variance that is consistent for many thin strata as for few
    large ones (Sato, Greenland and Robins 1989). None when no stratum holds both groups.

    Args:
        x1, n1, x2, n2: float64[strata], successes and totals of both groups.
    """
    both = (n1 > 0) & (n2 > 0)
    x1, n1, x2, n2 = (np.asarray(part, dtype=np.float64)[both] for part in (x1, n1, x2, n2))
    if not len(n1):
        return None
    total = n1 + n2
    weight = (n1 * n2 / total).sum()
    difference = float(((x1 * n2 - x2 * n1) / total).sum() / weight)
    p_term = (n1**2 * x2 - n2**2 * x1 + n1 * n2 * (n2 - n1) / 2) / total**2
    q_term = (x1 * (n2 - x2) + x2 * (n1 - x1)) / (2 * total)
    variance = (difference * p_term.sum() + q_term.sum()) / weight**2
    return difference, math.sqrt(max(float(variance), 0.0))


def cochran_mantel_haenszel(x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray) -> float:
    """z of the test that two groups share a rate in each stratum (Cochran 1954; Mantel and Haenszel 1959).

    The variance is that under the hypothesis, so that the test holds for rare events as well, where the
    standard error of the difference is far too small: a group with no event at all would have none.

    Args:
        x1, n1, x2, n2: float64[strata], successes and totals of both groups.
    """
    x1, n1, x2, n2 = (np.asarray(part, dtype=np.float64) for part in (x1, n1, x2, n2))
    total, hits = n1 + n2, x1 + x2
    use = (n1 > 0) & (n2 > 0) & (total > 1)
    x1, n1, n2, total, hits = (part[use] for part in (x1, n1, n2, total, hits))
    variance = float((n1 * n2 * hits * (total - hits) / (total**2 * (total - 1))).sum())
    if variance <= 0:
        return 0.0
    return float((x1 - n1 * hits / total).sum()) / math.sqrt(variance)
