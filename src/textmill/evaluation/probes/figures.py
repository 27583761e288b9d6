"""Figures of probes: shares with Wilson's interval, means with a bootstrap interval, each with its n."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.report import DIGITS
from textmill.evaluation.significance import CONFIDENCE, resample_weights, wilson

Item = TypeVar("Item")


def share(hits: Sequence[bool] | np.ndarray) -> dict[str, Any]:
    """A percentage with its 95 % Wilson interval and n; only ``n`` where there is nothing."""
    found = np.asarray(hits, bool)
    if not len(found):
        return {"n": 0}
    low, high = wilson(int(found.sum()), len(found))
    return rounded(100 * float(found.mean()), 100 * low, 100 * high, len(found))


def resampled(
    columns: Floats, score: Callable[[Floats], Floats], resamples: int, seed: int
) -> dict[str, Any]:
    """A function of means over items with its 95 % percentile interval over resampled items.

    Args:
        columns: float64, shape (n, k).
        score: means of shape (..., k) to figures of shape (...).
    """
    if not len(columns):
        return {"n": 0}
    n = len(columns)
    draws = np.concatenate([score(weights @ columns / n) for weights in resample_weights(n, resamples, seed)])
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return rounded(float(score(columns.mean(0))), float(low), float(high), n)


def mean(values: Sequence[float] | Floats, resamples: int, seed: int) -> dict[str, Any]:
    """A mean with its 95 % percentile interval."""
    column = np.asarray(values, np.float64).reshape(-1, 1)
    return resampled(column, lambda means: means[..., 0], resamples, seed)


def rounded(value: float, low: float, high: float, n: int) -> dict[str, Any]:
    """A figure as reports hold it."""
    return {"value": round(value, DIGITS), "low": round(low, DIGITS), "high": round(high, DIGITS), "n": n}


def by_part(
    parts: Sequence[str], figure: Callable[[np.ndarray], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A figure of the places of each part, in alphabetical order; parts without a figure are left out."""
    names = np.asarray(parts, object).astype(str)
    found = {name: figure(np.flatnonzero(names == name)) for name in sorted(set(names.tolist()))}
    return {name: row for name, row in found.items() if row["n"]}


def measure(
    about: str, overall: Mapping[str, Any], axes: Mapping[str, Any] | None = None, none: float | None = None
) -> dict[str, Any]:
    """One measure of a probe: what it is, its figures, and the value that says `no difference`, if any."""
    return {"about": about, "overall": dict(overall), "axes": dict(axes or {}), "no_difference": none}


def draw(items: Sequence[Item], part: Callable[[Item], Hashable], count: int, seed: int) -> list[Item]:
    """At most `count` items, each part in its share (largest remainders), drawn by `seed`, in their order."""
    if len(items) <= count:
        return list(items)
    members: dict[Hashable, list[int]] = {}
    for place, item in enumerate(items):
        members.setdefault(part(item), []).append(place)
    groups = [members[key] for key in sorted(members, key=str)]
    shares = np.array([len(found) * count / len(items) for found in groups])
    quota = np.floor(shares).astype(int)
    quota[np.argsort(-(shares - quota), kind="stable")[: count - quota.sum()]] += 1
    generator = np.random.default_rng(seed)
    chosen = [
        place
        for found, size in zip(groups, quota, strict=True)
        for place in generator.choice(found, size=size, replace=False)
    ]
    return [items[place] for place in sorted(chosen)]
