"""A linear classifier on hashed n-grams of tokens, in the manner of fastText (Joulin et al., 2017).

Brown et al. (2020, appendix A) chose the web pages of GPT-3 with one such; its weights are here found by
L-BFGS (scikit-learn), which has one answer. A bag of n-grams does not see order beyond them, so the
perplexity under the language model, where there is one, has a say too: a second regression on documents not
learned from weighs both, and puts the score on the scale of probabilities, as Platt scaling (1999) does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from textmill.corpus.shingles import Tokens, ngrams_by_size

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Classifier:
    """A linear model of hashed n-grams.

    Attributes:
        weights: float32, one per bucket.
        bias: what is added to the weighted sum.
        scale: what the columns of `evidence`, and 1, are multiplied with to give log-odds (float64).
    """

    weights: npt.NDArray[np.float32]
    bias: float
    scale: Floats = field(default_factory=lambda: np.array([1.0, 0.0]))

    def log_odds(self, documents: sp.csr_matrix) -> Floats:
        """The log-odds of being good by n-grams alone, before the scale is put right (float64)."""
        return documents @ self.weights.astype(np.float64) + self.bias

    def probabilities(self, documents: sp.csr_matrix, perplexities: Floats | None) -> Floats:
        """The probability of being good, were good and other documents equally many (float64)."""
        return weighed(evidence(self.log_odds(documents), perplexities), self.scale)


def evidence(log_odds: Floats, perplexities: Floats | None) -> Floats:
    """What speaks for a document, a column each: the n-grams, and the perplexity where there is a model."""
    if perplexities is None:
        return log_odds[:, None]
    return np.column_stack([log_odds, np.log(np.where(np.isnan(perplexities), 1.0, perplexities))])


def weighed(found: Floats, scale: Floats) -> Floats:
    """The probability that the evidence amounts to (float64)."""
    return logistic((found * scale[:-1]).sum(axis=1) + scale[-1])


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


def scale(found: Floats, good: npt.NDArray[np.bool_]) -> Floats:
    """Weights for the columns of `evidence` on documents not learned from, and what is added (float64)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        line = LogisticRegression(C=1e6, class_weight="balanced", max_iter=1000).fit(found, good)
    return np.append(line.coef_[0], line.intercept_[0])
