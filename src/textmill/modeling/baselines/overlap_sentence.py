"""The sentence of the context that shares most words with the question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textmill.evaluation.words import split_words
from textmill.modeling.baselines import Rows
from textmill.modeling.targets import read_question

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")


def predict(train: Rows, validation: Rows, inputs: Sequence[str]) -> list[str]:
    """The sentence with most distinct words of the question; the first among equals."""
    found = []
    for text in inputs:
        question, context = read_question(text)
        asked = set(split_words(question))
        sentences = [part.strip() for part in _END.split(context) if part.strip()] or [context.strip()]
        found.append(max(sentences, key=lambda sentence: len(asked & set(split_words(sentence)))))
    return found
