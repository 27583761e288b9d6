"""What a model has to beat: baselines fitted on the training rows that predict from the input alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from textmill.errors import UserError
from textmill.evaluation.words import split_words


@dataclass(frozen=True)
class Rows:
    """Rows of a task table: inputs and targets of equal length."""

    inputs: Sequence[str]
    targets: Sequence[str]


WORD_COUNTERS = ("tfidf_logistic", "word2vec_logistic", "glove_logistic", "bilstm_attention")
LEADS = {"lead": 1, "lead2": 2, "lead3": 3, "lead4": 4, "lead5": 5}
"""Sentences that each of them takes."""
KNOWN = {
    "classification": ("majority", *WORD_COUNTERS),
    "multilabel": ("majority", "tfidf_logistic"),
    "tagging": ("frequent_tag", "longest_match"),
    "extraction": ("no_answer", "overlap_sentence"),
    "generation": ("copy", *LEADS, "translation_memory", "nearest_reply", "majority_reply"),
}
"""The baselines of each kind of task; other kinds have those of generation."""

_MODULES = {"copy": "copy_input", "majority_reply": "majority"} | dict.fromkeys(LEADS, "lead")


def predict_baseline(
    name: str,
    kind: str,
    train: Rows,
    validation: Rows,
    inputs: Sequence[str],
    header_lines: int = 0,
    words: Callable[[str], list[str]] = split_words,
) -> list[str]:
    """What the baseline `name` predicts: one string per input.

    Args:
        name: one of `KNOWN` for the kind.
        kind: of the task.
        train: what it is fitted on.
        validation: what its settings are chosen on, if it has any.
        inputs: texts to predict from.
        header_lines: leading lines of an input that are no prose; ``lead`` and its kin skip them.
        words: from a text to its words, for those that count words.

    Raises:
        UserError: no baseline for this kind of task has this name.
    """
    known = KNOWN.get(kind, KNOWN["generation"])
    if name not in known:
        raise UserError(
            f"baselines: {name}: does not fit a {kind} task; expected some of {', '.join(known)}."
        )
    own = "tfidf_labels" if (name, kind) == ("tfidf_logistic", "multilabel") else name
    module = import_module(f"textmill.modeling.baselines.{_MODULES.get(own, own)}")
    if name in LEADS:
        return module.predict(train, validation, inputs, header_lines, LEADS[name])
    if name in WORD_COUNTERS:
        return module.predict(train, validation, inputs, words)
    return module.predict(train, validation, inputs)
