"""Whether the filters drop some documents more often than others: by group, dialect, language, source, and
rule.

The share that a rule drops is of all documents, those that an earlier rule dropped included: what a rule
does to a group then adds up over the rules to the difference of kept rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textmill.evaluation.bias.fates import KEPT, Fates
from textmill.evaluation.bias.intervals import (
    benjamini_hochberg,
    cochran_mantel_haenszel,
    fisher_or_z,
    mantel_haenszel_difference,
    newcombe,
    normal_quantile,
    two_sided_p,
    wilson,
)

LEAST_EXPECTED = 5
"""Drops expected of a group and of the others before a rule is compared; below, no interval would hold."""


@dataclass(frozen=True)
class Column:
    """What is compared: `kind` (group, dialect, language or source), and how its rows are labelled."""

    kind: str
    labels: dict[str, str]


def kept_rows(
    fates: Fates, columns: Sequence[Column], confidence: float, min_documents: int
) -> list[dict[str, Any]]:
    """One row per column that holds `min_documents` documents or more, kept or dropped.

    `difference` is the kept rate of its documents less that of the reference (documents that name no group,
    or show other dialects), with Newcombe's interval. `stratified` compares like with like: the same within
    sources and lengths (powers of two), pooled by Mantel and Haenszel.
    """
    inside, reference = fates.stacked()
    z = normal_quantile(confidence)
    rows: list[dict[str, Any]] = []
    for index, column in enumerate(columns):
        x1, n1 = inside[:, KEPT, index], inside[:, :, index].sum(axis=1)
        x2, n2 = reference[:, KEPT, index], reference[:, :, index].sum(axis=1)
        n, none = int(n1.sum()), int(n2.sum())
        pooled = stratified_difference(x1, n1, x2, n2)
        if n < min_documents or none < min_documents or pooled is None:
            continue
        x, x_none = int(x1.sum()), int(x2.sum())
        value, error, p = pooled
        rows.append(
            {
                **column.labels,
                "documents": n,
                "kept": share(x, n, confidence),
                "kept_unnamed": share(x_none, none, confidence),
                "difference": figure(x / n - x_none / none, newcombe(x, n, x_none, none, confidence)),
                "stratified": figure(value, (value - z * error, value + z * error)),
                "error": error,
                "p": p,
            }
        )
    return adjusted(rows, confidence)


def rule_rows(
    fates: Fates, columns: Sequence[Column], rules: Sequence[str], confidence: float, min_documents: int
) -> tuple[list[dict[str, Any]], int]:
    """One row per rule and column whose drops can be compared; and how many pairs dropped too few to compare.

    `difference` is the share of a column's documents that the rule drops, less that of the reference, within
    sources and lengths (Mantel–Haenszel): above zero, the rule takes more of this column.
    """
    inside, reference = fates.stacked()
    z = normal_quantile(confidence)
    rows: list[dict[str, Any]] = []
    too_few = 0
    for index, column in enumerate(columns):
        n1, n2 = inside[:, :, index].sum(axis=1), reference[:, :, index].sum(axis=1)
        if n1.sum() < min_documents or n2.sum() < min_documents:
            continue
        for number, rule in enumerate(rules, start=1):
            x1, x2 = inside[:, number, index], reference[:, number, index]
            pooled = stratified_difference(x1, n1, x2, n2)
            if pooled is None or not _enough(x1, n1, x2, n2):
                too_few += bool(x1.sum() or x2.sum())
                continue
            value, error, p = pooled
            rows.append(
                {
                    "rule": rule,
                    "kind": column.kind,
                    **column.labels,
                    "documents": int(n1.sum()),
                    "dropped": int(x1.sum()),
                    "share": round(float(x1.sum() / n1.sum()), 6),
                    "share_others": round(float(x2.sum() / n2.sum()), 6),
                    "difference": figure(value, (value - z * error, value + z * error)),
                    "error": error,
                    "p": p,
                }
            )
    return rows, too_few


def stratified_difference(
    x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray
) -> tuple[float, float, float] | None:
    """Difference of rates within strata, its standard error, and p; None when no stratum holds both.

    The difference is Mantel and Haenszel's, p that of the Cochran–Mantel–Haenszel test. The standard error
    is the larger of Sato's and the one that goes with the test: the first is too small for few events.
    """
    pooled = mantel_haenszel_difference(x1, n1, x2, n2)
    if pooled is None:
        return None
    value, error = pooled
    z = cochran_mantel_haenszel(x1, n1, x2, n2)
    return value, max(error, abs(value / z) if z else 0.0), two_sided_p(z)


def _enough(x1: np.ndarray, n1: np.ndarray, x2: np.ndarray, n2: np.ndarray) -> bool:
    both = (n1 > 0) & (n2 > 0)
    rate = (x1 + x2)[both] / (n1 + n2)[both]
    return bool(min((rate * n1[both]).sum(), (rate * n2[both]).sum()) >= LEAST_EXPECTED)


def slice_rows(counts: dict[str, np.ndarray], name: str, confidence: float) -> list[dict[str, Any]]:
    """Kept rates by a property of documents (language, source), each beside all other documents.

    Args:
        counts: per value int64[fates], its documents by fate.
        name: of the property.
    """
    total = sum(counts.values())
    rows: list[dict[str, Any]] = []
    for key in sorted(counts):
        x, n = int(counts[key][KEPT]), int(counts[key].sum())
        row: dict[str, Any] = {
            name: key,
            "documents": n,
            "kept": share(x, n, confidence),
            "difference": None,
        }
        rest = np.asarray(total - counts[key])
        if rest.sum():
            rest_x, rest_n = int(rest[KEPT]), int(rest.sum())
            row["difference"] = figure(x / n - rest_x / rest_n, newcombe(x, n, rest_x, rest_n, confidence))
            row["p"] = fisher_or_z(x, n, rest_x, rest_n)
        rows.append(row)
    compared = [row for row in rows if "p" in row]
    for row, p in zip(compared, benjamini_hochberg([row["p"] for row in compared]), strict=True):
        row["p_adjusted"], row["p"] = _short(p), _short(row["p"])
        x, n = int(counts[row[name]][KEPT]), int(counts[row[name]].sum())
        rest = np.asarray(total - counts[row[name]])
        row["simultaneous"] = interval(
            newcombe(x, n, int(rest[KEPT]), int(rest.sum()), _bonferroni(confidence, len(compared)))
        )
    return rows


def slice_rule_rows(
    counts: dict[str, np.ndarray], kind: str, rules: Sequence[str], confidence: float
) -> tuple[list[dict[str, Any]], int]:
    """As `rule_rows` for a language or a source, beside all other documents, without strata."""
    total = np.asarray(sum(counts.values()))
    z = normal_quantile(confidence)
    rows: list[dict[str, Any]] = []
    too_few = 0
    for key in sorted(counts):
        mine, rest = counts[key], total - counts[key]
        n1, n2 = int(mine.sum()), int(rest.sum())
        for number, rule in enumerate(rules, start=1):
            x1, x2 = int(mine[number]), int(rest[number])
            if not x1 + x2 or not n1 or not n2:
                continue
            if min(n1, n2) * (x1 + x2) / (n1 + n2) < LEAST_EXPECTED:
                too_few += 1
                continue
            p1, p2 = x1 / n1, x2 / n2
            # The interval of Agresti and Caffo (2000): it holds where a rule drops none of one side.
            q1, q2 = (x1 + 1) / (n1 + 2), (x2 + 1) / (n2 + 2)
            error = float(np.sqrt(q1 * (1 - q1) / (n1 + 2) + q2 * (1 - q2) / (n2 + 2)))
            rows.append(
                {
                    "rule": rule,
                    "kind": kind,
                    kind: key,
                    "documents": n1,
                    "dropped": x1,
                    "share": round(p1, 6),
                    "share_others": round(p2, 6),
                    "difference": figure(p1 - p2, (p1 - p2 - z * error, p1 - p2 + z * error)),
                    "error": error,
                    "p": fisher_or_z(x1, n1, x2, n2),
                }
            )
    return rows, too_few


def adjusted(rows: list[dict[str, Any]], confidence: float, key: str = "stratified") -> list[dict[str, Any]]:
    """The rows with p adjusted over all of them, and intervals that hold for all of them at once.

    p by Benjamini and Hochberg; `simultaneous` by Bonferroni: the chance that one of the intervals misses is
    at most 1 - confidence.
    """
    z = normal_quantile(_bonferroni(confidence, len(rows)))
    for row, p in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        error, value = row.pop("error"), row[key]["value"]
        row["p_adjusted"], row["p"] = _short(p), _short(row["p"])
        row["simultaneous"] = interval((value - z * error, value + z * error))
    return rows


def _bonferroni(confidence: float, rows: int) -> float:
    return 1 - (1 - confidence) / max(rows, 1)


def _short(p: float) -> float:
    return float(f"{p:.4g}")


def share(x: int, n: int, confidence: float) -> dict[str, float]:
    """A share with Wilson's interval."""
    return figure(x / n, wilson(x, n, confidence))


def figure(value: float, ends: Iterable[float]) -> dict[str, float]:
    """A value with its interval, rounded for JSON."""
    return {"value": round(value, 6), **interval(ends)}


def interval(ends: Iterable[float]) -> dict[str, float]:
    """An interval, rounded for JSON."""
    low, high = ends
    return {"low": round(low, 6), "high": round(high, 6)}
