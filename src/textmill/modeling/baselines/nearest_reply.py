"""Nearest neighbour in conversation: what was answered in training to the most similar last words."""

from __future__ import annotations

from collections.abc import Sequence

from textmill.modeling.baselines import Rows, translation_memory
from textmill.modeling.conversations import last_request


def predict(train: Rows, validation: Rows, inputs: Sequence[str]) -> list[str]:
    """`translation_memory` on the last thing said before the answer."""
    asked = Rows([last_request(text) for text in train.inputs], train.targets)
    return translation_memory.predict(asked, validation, [last_request(text) for text in inputs])
