"""Whether the filters drop documents that name a group more often than documents that name none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from textmill.evaluation.bias.counting import LanguageCounts
from textmill.evaluation.bias.intervals import (
    benjamini_hochberg,
    mantel_haenszel_difference,
    newcombe,
    normal_quantile,
    two_sided_p,
    wilson,
)


def group_parity(counts: LanguageCounts, confidence: float, min_documents: int) -> list[dict[str, Any]]:
    """One row per group named in `min_documents` documents or more, kept or dropped.

    `difference` is the kept rate of documents that name the group less that of documents that name no
    group, with Newcombe's interval. `stratified` compares like with like: the same within sources and
    lengths (powers of two), pooled by Mantel and Haenszel; its p is adjusted over the rows
    (Benjamini–Hochberg).
    """
    if not counts.seen:
        return []
    strata = sorted(counts.seen)
    seen = np.array([counts.seen[key] for key in strata])
    kept = np.array([counts.kept[key] for key in strata])
    z = normal_quantile(confidence)
    rows: list[dict[str, Any]] = []
    for index, (axis, group) in enumerate(counts.lexicon.groups):
        n, none = int(seen[:, index].sum()), int(seen[:, -1].sum())
        pooled = mantel_haenszel_difference(kept[:, index], seen[:, index], kept[:, -1], seen[:, -1])
        if n < min_documents or none < min_documents or pooled is None:
            continue
        x, x_none = int(kept[:, index].sum()), int(kept[:, -1].sum())
        value, error = pooled
        rows.append(
            {
                "language": counts.lexicon.language,
                "axis": axis,
                "group": group,
                "documents": n,
                "kept": _share(x, n, confidence),
                "kept_unnamed": _share(x_none, none, confidence),
                "difference": _figure(x / n - x_none / none, newcombe(x, n, x_none, none, confidence)),
                "stratified": _figure(value, (value - z * error, value + z * error)),
                "p": two_sided_p(value / error) if error > 0 else 1.0,
            }
        )
    for row, adjusted in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = float(f"{adjusted:.4g}")
        row["p"] = float(f"{row['p']:.4g}")
    return rows


def slice_parity(
    seen: dict[str, int], kept: dict[str, int], name: str, confidence: float
) -> list[dict[str, Any]]:
    """Kept rates by a property of documents (language, source), each beside all other documents."""
    total, total_kept = sum(seen.values()), sum(kept.values())
    rows = []
    for key in sorted(seen):
        x, n = kept.get(key, 0), seen[key]
        rest_x, rest_n = total_kept - x, total - n
        row: dict[str, Any] = {
            name: key,
            "documents": n,
            "kept": _share(x, n, confidence),
            "difference": None,
        }
        if rest_n:
            row["difference"] = _figure(x / n - rest_x / rest_n, newcombe(x, n, rest_x, rest_n, confidence))
        rows.append(row)
    return rows


def _share(x: int, n: int, confidence: float) -> dict[str, float]:
    return _figure(x / n, wilson(x, n, confidence))


def _figure(value: float, interval: Iterable[float]) -> dict[str, float]:
    low, high = interval
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}
