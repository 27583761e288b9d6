"""Which attributes stand in the sentences that name a group.

Log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words", equations
16 and 22): sentences that name one group of an axis and no other, against those that name only another
group of the axis (for an axis of one group: against all other sentences).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from textmill.evaluation.bias.counting import LanguageCounts
from textmill.evaluation.bias.intervals import benjamini_hochberg, normal_quantile, two_sided_p

TERMS_SHOWN = 5


def log_odds(
    y1: np.ndarray, n1: float, y2: np.ndarray, n2: float, prior: np.ndarray, prior_total: float
) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds ratio of counts in two texts under a Dirichlet prior, and its variance.

    Args:
        y1, y2: float64[...], how often each term stands in either text.
        n1, n2: the length of either text in words.
        prior: float64[...], pseudo-counts of the terms; `prior_total` those of all words.
    """
    a1, a2 = y1 + prior, y2 + prior
    difference = np.log(a1 / (n1 + prior_total - a1)) - np.log(a2 / (n2 + prior_total - a2))
    return difference, 1 / a1 + 1 / a2


def association(
    counts: LanguageCounts, confidence: float, prior_words: float, min_documents: int
) -> list[dict[str, Any]]:
    """One row per group and attribute that can be compared.

    Rows hold `log_odds` (natural logarithm; above zero: the attribute is nearer to this group than to the
    others), its interval, z, p, p adjusted over the rows (Benjamini–Hochberg), and the terms that weigh
    most. The variance is multiplied by the design effect, so that a few long documents do not look like
    many independent sentences.
    """
    lexicon = counts.lexicon
    rows: list[dict[str, Any]] = []
    for members in lexicon.axes.values():
        for index in members:
            others = [other for other in members if other != index]
            rest = (
                counts.near_documents[others].sum()
                if others
                else counts.documents - counts.near_documents[index]
            )
            documents = int(counts.near_documents[index]), int(rest)
            if min(documents) < min_documents:
                continue
            rows += [
                _row(counts, index, others, column, documents, confidence, prior_words)
                for column in range(len(lexicon.attributes))
            ]
    for row, adjusted in zip(rows, benjamini_hochberg([row["p"] for row in rows]), strict=True):
        row["p_adjusted"] = float(f"{adjusted:.4g}")
        row["p"] = float(f"{row['p']:.4g}")
    return rows


def _row(
    counts: LanguageCounts, index: int, others: list[int], column: int, documents: tuple[int, int],
    confidence: float, prior_words: float,
) -> dict[str, Any]:  # fmt: skip
    lexicon = counts.lexicon
    terms = np.flatnonzero(lexicon.in_attribute[:, column])
    share = counts.all_terms[terms] / max(counts.units, 1)
    # An attribute never seen in the corpus still needs a prior above zero.
    prior = np.maximum(share * prior_words, 1e-3)
    y1, n1 = counts.near_terms[index, terms], float(counts.near_units[index])
    if others:
        y2, n2 = counts.near_terms[others][:, terms].sum(axis=0), float(counts.near_units[others].sum())
    else:
        y2, n2 = counts.all_terms[terms] - y1, counts.units - n1
    value, variance = log_odds(y1.sum(), n1, y2.sum(), n2, prior.sum(), prior_words)
    effect = max(_design_effect(counts, [index], column), _design_effect(counts, others, column), 1.0)
    error = math.sqrt(float(variance) * effect)
    z = float(value) / error
    by_term, term_variance = log_odds(y1, n1, y2, n2, prior, prior_words)
    strength = by_term / np.sqrt(term_variance)
    strongest = np.argsort(-strength * np.sign(value), kind="stable")[:TERMS_SHOWN]
    spread = normal_quantile(confidence) * error
    axis, group = lexicon.groups[index]
    dimension, attribute = lexicon.attributes[column]
    return {
        "language": lexicon.language,
        "axis": axis,
        "group": group,
        "dimension": dimension,
        "attribute": attribute,
        "documents": documents[0],
        "documents_others": documents[1],
        "count": round(float(y1.sum())),
        "count_others": round(float(y2.sum())),
        "log_odds": round(float(value), 4),
        "low": round(float(value) - spread, 4),
        "high": round(float(value) + spread, 4),
        "z": round(z, 3),
        "p": two_sided_p(z),
        "design_effect": round(effect, 3),
        "terms": [
            lexicon.terms[terms[i]] for i in strongest if strength[i] * np.sign(value) > 0 and y1[i] + y2[i]
        ],
    }


def _design_effect(counts: LanguageCounts, groups: list[int], column: int) -> float:
    """How much larger the variance of y/n is than were all mentions independent (Kish 1965)."""
    terms = counts.lexicon.in_attribute[:, column]
    y = float(counts.near_terms[groups][:, terms].sum())
    n = float(counts.near_units[groups].sum())
    documents = int(counts.near_documents[groups].sum())
    if y <= 0 or n <= 0 or documents < 2:
        return 1.0
    ratio = y / n
    yy, yn = float(counts.near_yy[groups, column].sum()), float(counts.near_yn[groups, column].sum())
    squares = yy - 2 * ratio * yn + ratio * ratio * float(counts.near_nn[groups].sum())
    return documents / (documents - 1) * squares / y
