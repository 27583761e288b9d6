"""The Word Embedding Association Test (Caliskan, Bryson and Narayanan 2017, doi:10.1126/science.aal4230)."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

EXACT = 200_000
"""Partitions of the target words that are all tried; of more, some are drawn."""
_BLOCK = 20_000

Floats = npt.NDArray[np.float64]


def differential(targets: Floats, a: Floats, b: Floats) -> Floats:
    """s(w, A, B): mean cosine of each target with A less that with B. Vectors have length one.

    Args:
        targets: float64[n, dimensions]; a, b: float64[·, dimensions].
    """
    return np.asarray((targets @ a.T).mean(axis=1) - (targets @ b.T).mean(axis=1))


def effect_size(sx: Floats, sy: Floats) -> float:
    """Difference of the means of s over both target sets, in standard deviations of s over all targets.

    The deviation is that of the population, so that the value lies between -2 and 2 for sets of equal size.
    """
    spread = np.concatenate([sx, sy]).std()
    return float((sx.mean() - sy.mean()) / spread) if spread > 0 else 0.0


def permutation_p(sx: Floats, sy: Floats, draws: int, seed: int) -> tuple[float, float, str]:
    """One-sided and two-sided p of the difference of means, and whether the test is ``exact`` or ``sampled``.

    The hypothesis: the target words are exchangeable between the two sets. All partitions into sets of these
    sizes are tried if they are no more than `EXACT`; else `draws` of them, where the observed one counts as
    one more (Phipson and Smyth 2010).
    """
    pooled = np.concatenate([sx, sy])
    n, k = len(pooled), len(sx)
    observed = sx.mean() - sy.mean()
    edge = abs(observed) * 1e-9 + 1e-12
    over = over_two = total = 0
    exact = comb(n, k) <= EXACT
    for sums in _subset_sums(pooled, k, draws, seed, exact):
        differences = sums / k - (pooled.sum() - sums) / (n - k)
        over += int((differences >= observed - edge).sum())
        over_two += int((np.abs(differences) >= abs(observed) - edge).sum())
        total += len(sums)
    if exact:
        return over / total, over_two / total, "exact"
    return (over + 1) / (total + 1), (over_two + 1) / (total + 1), "sampled"


def _subset_sums(pooled: Floats, k: int, draws: int, seed: int, exact: bool) -> Any:
    n = len(pooled)
    if exact:
        every = np.fromiter(
            (place for chosen in combinations(range(n), k) for place in chosen), np.int64, comb(n, k) * k
        ).reshape(-1, k)
        yield pooled[every].sum(axis=1)
        return
    random = np.random.default_rng(seed)
    for start in range(0, draws, _BLOCK):
        keys = random.random((min(_BLOCK, draws - start), n))
        yield pooled[np.argpartition(keys, k, axis=1)[:, :k]].sum(axis=1)


def word_interval(
    x: Floats, y: Floats, a: Floats, b: Floats, resamples: int, seed: int, confidence: float
) -> tuple[float, float]:
    """Percentile interval of the effect size over words: each of the four sets is resampled.

    It tells how much the choice of words matters, not how much the corpus or the training does.
    """
    random = np.random.default_rng(seed)
    with_a, with_b = np.concatenate([x, y]) @ a.T, np.concatenate([x, y]) @ b.T
    found = np.empty(resamples)
    for number in range(resamples):
        s = with_a[:, random.integers(0, len(a), len(a))].mean(axis=1) - with_b[
            :, random.integers(0, len(b), len(b))
        ].mean(axis=1)
        found[number] = effect_size(
            s[random.integers(0, len(x), len(x))], s[len(x) + random.integers(0, len(y), len(y))]
        )
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def weat(
    x: Floats, y: Floats, a: Floats, b: Floats, *, draws: int, resamples: int, seed: int, confidence: float
) -> dict[str, Any]:
    """Test whether target words X are nearer to attributes A than to B, more than targets Y are.

    Args:
        x, y, a, b: float64[·, dimensions], vectors of length one.
        draws, resamples: of the permutation test and of the interval.
        seed: of both.
        confidence: of the interval.

    Returns:
        ``effect`` {value, low, high}, ``p`` (two-sided), ``p_one_sided`` (as in the paper), ``test``.
    """
    sx, sy = differential(x, a, b), differential(y, a, b)
    one, two, test = permutation_p(sx, sy, draws, seed)
    low, high = word_interval(x, y, a, b, resamples, seed, confidence)
    value = effect_size(sx, sy)
    return {
        "effect": {
            "value": round(value, 4),
            "low": round(min(low, value), 4),
            "high": round(max(high, value), 4),
        },
        "p": float(f"{two:.4g}"),
        "p_one_sided": float(f"{one:.4g}"),
        "test": test,
    }
