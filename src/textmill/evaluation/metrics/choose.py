"""Which metrics fit which kind of task, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from textmill.errors import UserError
from textmill.evaluation.metrics.metric import Metric

Makers = dict[str, Callable[[], Metric]]

KNOWN = {
    "classification": ("accuracy", "macro_f1", "micro_f1", "label_f1", "mcc"),
    "multilabel": ("macro_f1", "micro_f1", "label_f1", "subset_accuracy"),
    "tagging": ("span_f1", "span_precision", "span_recall", "macro_f1", "label_f1", "tag_accuracy"),
    "extraction": ("answer_em", "answer_f1"),
    "generation": (
        "bleu", "chrf", "ter", "rouge1", "rouge2", "rougeL", "rougeLsum", "exact_match", "answer_em",
        "answer_f1", "distinct1", "distinct2", "repetition",
    ),
}  # fmt: skip
"""The metrics of each kind of task; other kinds have those of generation."""


def choose_metrics(
    names: Sequence[str],
    kind: str,
    labels: Sequence[str] = (),
    target_lang: str = "",
    languages: Sequence[str] = (),
) -> list[Metric]:
    """The metrics called `names` for a task; ``label_f1`` stands for the F1 of each label.

    Args:
        names: metric names.
        kind: of the task.
        labels: of a task that has them.
        target_lang: language code of the targets of a generation task.
        languages: of each target, where they are in several.

    Raises:
        UserError: a metric does not fit the kind of task.
    """
    makers = _makers(kind, labels, target_lang, languages)
    known = KNOWN.get(kind, KNOWN["generation"])
    each = [name for name in makers if name.startswith("f1[")]
    for name in names:
        if name not in makers and name not in known:
            raise UserError(
                f"metrics: {name}: does not fit a {kind} task; expected some of {', '.join((*known, *each))}."
            )
    every = [each if name == "label_f1" else [name] for name in names]
    return [makers[name]() for part in every for name in part]


def _makers(kind: str, labels: Sequence[str], target_lang: str, languages: Sequence[str]) -> Makers:
    if kind == "classification":
        return _of_classes(labels)
    if kind == "multilabel":
        return _of_label_sets(labels)
    if kind == "tagging":
        return _of_spans(labels)
    return _of_answers() if kind == "extraction" else _of_texts(target_lang, languages)


def _of_label_sets(labels: Sequence[str]) -> Makers:
    from textmill.evaluation.metrics import label_sets

    return {
        "macro_f1": lambda: label_sets.macro_f1(labels),
        "micro_f1": lambda: label_sets.micro_f1(labels),
        "subset_accuracy": label_sets.subset_accuracy,
        **{f"f1[{label}]": partial(label_sets.label_f1, label) for label in labels},
    }


def _of_spans(labels: Sequence[str]) -> Makers:
    from textmill.evaluation.metrics import spans

    return {
        "span_f1": spans.span_f1,
        "span_precision": spans.span_precision,
        "span_recall": spans.span_recall,
        "tag_accuracy": spans.tag_accuracy,
        "macro_f1": lambda: spans.macro_f1(labels),
        **{f"f1[{label}]": partial(spans.label_f1, label) for label in labels},
    }


def _of_classes(labels: Sequence[str]) -> Makers:
    from textmill.evaluation.metrics import classification

    return {
        "accuracy": classification.accuracy,
        "macro_f1": lambda: classification.macro_f1(labels),
        "micro_f1": lambda: classification.micro_f1(labels),
        "mcc": lambda: classification.matthews(labels),
        **{f"f1[{label}]": partial(classification.label_f1, label) for label in labels},
    }


def _of_answers() -> Makers:
    """Predictions are texts and targets lists of answers, of which the nearest to the prediction counts."""
    from textmill.evaluation.metrics import overlap

    return {
        "answer_em": lambda: overlap.best_of_answers(overlap.answer_exact_match()),
        "answer_f1": lambda: overlap.best_of_answers(overlap.answer_f1()),
    }


def _of_texts(target_lang: str, languages: Sequence[str]) -> Makers:
    from textmill.evaluation.metrics import overlap, translation, variety

    return {
        "bleu": lambda: translation.bleu(target_lang, languages),
        "chrf": translation.chrf,
        "ter": lambda: translation.ter(target_lang, languages),
        **{kind: partial(overlap.rouge, kind) for kind in ("rouge1", "rouge2", "rougeL", "rougeLsum")},
        "exact_match": overlap.exact_match,
        "answer_em": overlap.answer_exact_match,
        "answer_f1": overlap.answer_f1,
        "distinct1": lambda: variety.distinct(1),
        "distinct2": lambda: variety.distinct(2),
        "repetition": variety.repetition,
    }
