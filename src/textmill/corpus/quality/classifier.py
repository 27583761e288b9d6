"""A linear classifier on hashed n-grams of tokens, in the manner of fastText (Joulin et al., 2017).

Brown et al. (2020, appendix A) chose the web pages of GPT-3 with one such; its weights are here found by
L-BFGS (scikit-learn), which has one answer, and its scores are put on the scale of probabilities by Platt
scaling (1999).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from textmill.corpus.shingles import Tokens, ngrams_by_size

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Classifier:
    """Weights (float32, one per bucket), and a straight line from a document's score to its log-odds."""

    weights: npt.NDArray[np.float32]
    bias: float
    slope: float = 1.0
    shift: float = 0.0

    def log_odds(self, documents: sp.csr_matrix) -> Floats:
        """The log-odds of being good, before the scale is put right (float64)."""
        return documents @ self.weights.astype(np.float64) + self.bias

    def probabilities(self, documents: sp.csr_matrix) -> Floats:
        """The probability of being good, were good and other documents equally many (float64)."""
        return logistic(self.slope * self.log_odds(documents) + self.shift)


def logistic(values: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -values))


def features(tokens: Tokens, ngrams: int, buckets_log2: int) -> sp.csr_matrix:
    """Documents by buckets (float64): the logarithm of one plus each count, every row of length 1.

    Args:
        tokens: of the documents.
        ngrams: the longest n-grams; the shorter ones count too.
        buckets_log2: n-grams are hashed to two to this power of buckets.
    """
    documents = len(tokens.offsets) - 1
    rows, columns = [], []
    for found in ngrams_by_size(tokens, 1, ngrams):
        rows.append(np.repeat(np.arange(documents), np.diff(found.offsets)))
        columns.append((found.hashes >> np.uint64(64 - buckets_log2)).astype(np.int64))
    row, column = np.concatenate(rows), np.concatenate(columns)
    counts = sp.csr_matrix(
        (np.ones(len(row)), (row, column)), shape=(documents, 1 << buckets_log2), dtype=np.float64
    )
    counts.data = np.log1p(counts.data)
    length = np.sqrt(counts.multiply(counts).sum(axis=1).A1)
    return sp.csr_matrix(sp.diags(1 / np.where(length > 0, length, 1.0)) @ counts)


def fit(documents: sp.csr_matrix, good: npt.NDArray[np.bool_], strength: float) -> Classifier:
    """Learn to tell good documents from others, both kinds with the same weight in all.

    Args:
        documents: as `features` gives them.
        good: bool, one per document; both kinds occur.
        strength: inverse of the weight of the L2 penalty.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # With more threads sums are made in another order, and the bytes of a model must not tell how many.
    with threadpool_limits(1):
        model = LogisticRegression(C=strength, class_weight="balanced", max_iter=300).fit(documents, good)
    return Classifier(model.coef_[0].astype(np.float32), float(model.intercept_[0]))


def scale(log_odds: Floats, good: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and shift that make log-odds of documents not learned from fit what they are (Platt, 1999)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        line = LogisticRegression(C=1e6, class_weight="balanced").fit(log_odds[:, None], good)
    return float(line.coef_[0, 0]), float(line.intercept_[0])
