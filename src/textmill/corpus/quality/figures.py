"""How well scores tell two kinds of documents apart, and whether probabilities mean what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_BINS = 10
_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def area_under_curve(scores: npt.NDArray[np.float64], good: npt.NDArray[np.bool_]) -> float:
    """The probability that a good document scores above another one, ties counting half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    many = int(good.sum())
    return float((ranks[good].sum() - many * (many + 1) / 2) / (many * (len(good) - many)))


def calibration(probability: npt.NDArray[np.float64], good: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """How far probabilities are from what they predict, both kinds of documents with the same weight in all.

    Returns:
        `brier`, the mean squared error; `calibration_error`, the mean distance between the probability and
        the share of good documents over ten equal bins, weighed by documents; and `bins`, for each that is
        not empty `probability`, `good` (means) and `documents`.
    """
    weight = np.where(good, 0.5 / good.sum(), 0.5 / (~good).sum())
    place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    mass = np.bincount(place, weight, _BINS)
    means = np.bincount(place, weight * probability, _BINS) / np.where(mass > 0, mass, 1)
    shares = np.bincount(place, weight * good, _BINS) / np.where(mass > 0, mass, 1)
    counts = np.bincount(place, minlength=_BINS)
    bins = [
        {"probability": round(float(mean), 3), "good": round(float(share), 3), "documents": int(count)}
        for mean, share, count in zip(means, shares, counts, strict=True)
        if count
    ]
    return {
        "brier": round(float((weight * (probability - good) ** 2).sum()), 4),
        "calibration_error": round(float((mass * np.abs(means - shares)).sum()), 4),
        "bins": bins,
    }


def shares_above(probability: npt.NDArray[np.float64], good: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """For some thresholds the shares of good and of other documents that reach them."""
    return [
        {
            "min": threshold,
            "good": round(float((probability[good] >= threshold).mean()), 4),
            "others": round(float((probability[~good] >= threshold).mean()), 4),
        }
        for threshold in _THRESHOLDS
    ]
