"""GloVe and logistic regression: a text is the mean of its words, learned from the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError
from textmill.modeling.baselines import Rows
from textmill.modeling.baselines.mean_vectors import predict_from_means

SIZE, WINDOW, FEWEST, MOST = 50, 8, 2, 20_000
RIDGE = 0.01
"""Less than for a corpus: most words of a few thousand rows are rare, and more would leave only biases."""


def predict(
    train: Rows, validation: Rows, inputs: Sequence[str], words: Callable[[str], list[str]]
) -> list[str]:
    """Labels by logistic regression on means of GloVe vectors (Pennington, Socher and Manning, 2014).

    The strength of regularization is chosen by macro-F1 on the validation rows. The same rows give the same
    labels.

    Raises:
        UserError: no word occurs twice in the training rows.
    """
    return predict_from_means(vectors(train.inputs, words), train, validation, inputs, words)


def vectors(texts: Sequence[str], words: Callable[[str], list[str]]) -> dict[str, npt.NDArray[np.float32]]:
    """GloVe vectors w + c, float32 (SIZE,), of the words that occur at least `FEWEST` times.

    Raises:
        UserError: there is no such word.
    """
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    from textmill.evaluation.embeddings.glove import cooccurrence, fit
    from textmill.evaluation.embeddings.tokens import sample

    column = pa.array(texts, pa.large_string())
    tokens = sample([(pa.nulls(len(column)), column)], lambda text: [words(text)], FEWEST, MOST)
    if not tokens.words:
        raise UserError("baselines: glove_logistic: no word occurs twice in the training rows.")
    # The order in which several threads add up would show in the last digits.
    with threadpool_limits(1):
        center, context = fit(cooccurrence(tokens, WINDOW), SIZE, seed=1, ridge=RIDGE)
    summed = (center[:, :-1] + context[:, :-1]).astype(np.float32)
    return dict(zip(tokens.words, summed, strict=True))
