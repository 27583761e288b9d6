"""GloVe's objective (Pennington, Socher and Manning 2014, equation 8), by alternating least squares.

The objective is theirs: weighted least squares of w·c + b + b' on the logarithm of how often two words
stand near each other, nearer ones counting more. The optimizer is not their AdaGrad over shuffled pairs:
with either side fixed the problem is a ridge regression per word, solved exactly. That needs no learning
rate, no random order and no stopping rule, and gives the same vectors every time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from textmill.config.embeddings import Embeddings
from textmill.evaluation.embeddings.tokens import Tokens
from textmill.evaluation.embeddings.vectors import Vectors, unit_length

X_MAX, ALPHA = 100.0, 0.75
"""Of the weighting function f(x) = min(1, (x / X_MAX) ** ALPHA), as in the paper."""
RIDGE = 1.0
"""Penalty on the squares of a word's vector and bias; AdaGrad has none, but stops long before a minimum."""
SWEEPS = 5
_CHUNK = 1 << 20

Floats = npt.NDArray[np.float64]


def glove(tokens: Tokens, settings: Embeddings, seed: int) -> Vectors:
    """Fit on words of `tokens` within `settings.window` of each other; w + c, as in the paper."""
    from threadpoolctl import threadpool_limits

    # The order in which several threads add up would show in the last digits.
    with threadpool_limits(1):
        words, contexts = fit(cooccurrence(tokens, settings.window), settings.dimensions, seed)
    return unit_length(tokens.words, words[:, :-1] + contexts[:, :-1])


def cooccurrence(tokens: Tokens, window: int) -> sparse.csr_array:
    """How often two words stand near each other, 1/distance each time: symmetric float64[words, words]."""
    size = len(tokens.words)
    total = sparse.csr_array((size, size))
    sentence = np.repeat(np.arange(len(tokens.bounds) - 1), np.diff(tokens.bounds))
    for start in range(0, len(tokens.ids), _CHUNK):
        stop = min(start + _CHUNK, len(tokens.ids))
        rows, columns, weights = [], [], []
        for distance in range(1, window + 1):
            left = np.arange(start, min(stop, len(tokens.ids) - distance))
            left = left[sentence[left] == sentence[left + distance]]
            rows.append(tokens.ids[left])
            columns.append(tokens.ids[left + distance])
            weights.append(np.full(len(left), 1.0 / distance))
        pairs = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
        total = total + sparse.coo_array(pairs, shape=(size, size)).tocsr()
    return sparse.csr_array(total + total.T)


def fit(
    counts: sparse.csr_array, dimensions: int, seed: int, sweeps: int = SWEEPS, ridge: float = RIDGE
) -> tuple[Floats, Floats]:
    """Word and context parameters: float64[words, dimensions + 1] each, the last column the bias."""
    counts = sparse.csr_array(counts)
    counts.sort_indices()
    random = np.random.default_rng(seed)
    shape = (counts.shape[0], dimensions + 1)
    words, contexts = (random.uniform(-0.5, 0.5, shape) / (dimensions + 1) for _ in range(2))
    target = np.log(counts.data)
    weight = np.minimum((counts.data / X_MAX) ** ALPHA, 1.0)
    # The matrix is symmetric, so its rows serve both sides.
    for _ in range(sweeps):
        words = _solve(counts, target, weight, contexts, ridge)
        contexts = _solve(counts, target, weight, words, ridge)
    return words, contexts


def objective(counts: sparse.csr_array, words: Floats, contexts: Floats, ridge: float = RIDGE) -> float:
    """The value that `fit` makes small."""
    pairs = sparse.coo_array(counts)
    row, column = pairs.coords
    predicted = (words[row, :-1] * contexts[column, :-1]).sum(axis=1) + words[row, -1] + contexts[column, -1]
    weight = np.minimum((pairs.data / X_MAX) ** ALPHA, 1.0)
    penalty = ridge * ((words**2).sum() + (contexts**2).sum())
    return float((weight * (predicted - np.log(pairs.data)) ** 2).sum() + penalty)


def _solve(counts: sparse.csr_array, target: Floats, weight: Floats, other: Floats, ridge: float) -> Floats:
    """The best parameters of every row, the other side being fixed."""
    size = other.shape[1]
    found = np.zeros((counts.shape[0], size))
    features = other.copy()
    features[:, -1] = 1.0
    penalty = ridge * np.eye(size)
    for row in range(counts.shape[0]):
        span = slice(counts.indptr[row], counts.indptr[row + 1])
        near = counts.indices[span]
        if not len(near):
            continue
        design = features[near]
        weighted = design * weight[span, None]
        answer = target[span] - other[near, -1]
        found[row] = np.linalg.solve(design.T @ weighted + penalty, weighted.T @ answer)
    return found
