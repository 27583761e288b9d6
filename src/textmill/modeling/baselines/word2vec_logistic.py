"""Word2Vec and logistic regression: a text is the mean of its words, learned from the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textmill.errors import UserError
from textmill.modeling.baselines import Rows
from textmill.modeling.baselines.mean_vectors import predict_from_means

SIZE, WINDOW, EPOCHS, FEWEST = 100, 5, 20, 2


def predict(
    train: Rows, validation: Rows, inputs: Sequence[str], words: Callable[[str], list[str]]
) -> list[str]:
    """Labels by logistic regression on means of skip-gram vectors (Mikolov et al., 2013).

    The strength of regularization is chosen by macro-F1 on the validation rows. One thread and a fixed seed:
    the same rows give the same labels.

    Raises:
        UserError: gensim is missing, or no word occurs twice in the training rows.
    """
    found = _vectors([words(text) for text in train.inputs])
    vectors = {word: found[word] for word in found.index_to_key}
    return predict_from_means(vectors, train, validation, inputs, words)


def _vectors(texts: Sequence[list[str]]) -> Any:
    try:
        from gensim.models import Word2Vec
    except ImportError:
        raise UserError(
            "baselines: word2vec_logistic needs the package gensim; run: pip install 'textmill[embeddings]'."
        ) from None
    every = [word for text in texts for word in text]
    if len(every) == len(set(every)):
        raise UserError("baselines: word2vec_logistic: no word occurs twice in the training rows.")
    model = Word2Vec(
        texts, vector_size=SIZE, window=WINDOW, min_count=FEWEST, sg=1, epochs=EPOCHS, seed=1, workers=1
    )
    return model.wv
