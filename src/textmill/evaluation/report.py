"""The evaluation report: figures with intervals, comparisons with verdicts, samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from textmill.evaluation.significance import Scores

DIGITS = 6
"""Decimals kept: sums of floats may differ in the last bits between linear algebra libraries."""


def models_and_comparisons(scores: Sequence[Scores], subject: str) -> dict[str, Any]:
    """The `models`, `comparisons` and `pairwise` of a report (docs/contracts.md).

    Args:
        scores: one per metric, all over the same models and items.
        subject: the model that is compared with every other.
    """
    models: dict[str, Any] = {model: {"metrics": {}} for model in scores[0].value}
    comparisons, pairwise = [], []
    for score in scores:
        for model in score.value:
            estimate = score.estimate(model)
            models[model]["metrics"][score.metric.name] = {
                "value": round(estimate.value, DIGITS),
                "low": round(estimate.low, DIGITS),
                "high": round(estimate.high, DIGITS),
                "n": estimate.n,
            }
            if model != subject:
                comparisons.append(_comparison(score, subject, model))
        others = [model for model in score.value if model != subject]
        pairwise += [_comparison(score, *pair) for pair in combinations(others, 2)]
    comparisons.sort(key=lambda row: list(models).index(row["against"]))
    return {"models": models, "comparisons": comparisons, "pairwise": pairwise}


def join_figures(report: dict[str, Any], more: dict[str, Any]) -> None:
    """Add the figures of `models_and_comparisons` to a report that has others; models may differ."""
    for model, entry in more["models"].items():
        report["models"].setdefault(model, {"metrics": {}})["metrics"].update(entry["metrics"])
    for part in ("comparisons", "pairwise"):
        report[part] += more[part]


def _comparison(score: Scores, subject: str, other: str) -> dict[str, Any]:
    found = score.compare(subject, other)
    return {
        "model": subject,
        "against": other,
        "metric": score.metric.name,
        "better": score.metric.better,
        "difference": round(found.difference, DIGITS),
        "low": round(found.low, DIGITS),
        "high": round(found.high, DIGITS),
        "p": round(found.p, DIGITS),
        "verdict": found.verdict,
    }


def sample_rows(ids: Sequence[str], count: int) -> list[int]:
    """Places of `count` items, chosen by the hash of their id: a choice that no result can sway."""
    import xxhash

    order = sorted(range(len(ids)), key=lambda row: (xxhash.xxh3_64_intdigest(ids[row].encode()), ids[row]))
    return sorted(order[:count])
