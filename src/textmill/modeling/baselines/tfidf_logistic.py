"""TF-IDF and logistic regression, tuned on the validation rows: hard to beat on short texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from textmill.evaluation.words import split_words
from textmill.modeling.baselines import Rows

Splitter = Callable[[str], list[str]]

STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Inverse regularization strengths tried (scikit-learn's C)."""


def word_features(words: Splitter) -> Any:
    """TF-IDF of word 1- and 2-grams."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        tokenizer=words, token_pattern=None, lowercase=False, ngram_range=(1, 2), sublinear_tf=True
    )


def _word_and_character_features(words: Splitter) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    return FeatureUnion([("words", word_features(words)), ("characters", characters)])


def predict(train: Rows, validation: Rows, inputs: Sequence[str], words: Splitter = split_words) -> list[str]:
    """Labels by the best of two feature sets and six regularization strengths.

    `words` splits a text into words. Features are word 1- and 2-grams, with or without character 2- to
    5-grams. The choice is by macro-F1 on the validation rows; the model itself sees the training rows only,
    like a fine-tuned model.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    best: tuple[float, Any, Any] | None = None
    for make in (word_features, _word_and_character_features):
        features = make(words)
        train_matrix = features.fit_transform(train.inputs)
        validation_matrix = features.transform(validation.inputs)
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=1000).fit(train_matrix, train.targets)
            guesses = model.predict(validation_matrix)
            score = float(f1_score(validation.targets, guesses, average="macro", zero_division=0))
            if best is None or score > best[0]:
                best = (score, features, model)
    assert best is not None
    return [str(label) for label in best[2].predict(best[1].transform(inputs))]
