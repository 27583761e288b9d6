"""Which metrics fit which kind of task, by name."""

from __future__ import annotations

from collections.abc import Sequence

from textmill.errors import UserError
from textmill.evaluation.metrics.metric import Metric

CLASSIFICATION = ("accuracy", "macro_f1", "micro_f1")
GENERATION = ("bleu", "chrf", "rouge1", "rouge2", "rougeL", "exact_match")


def choose_metrics(
    names: Sequence[str], kind: str, labels: Sequence[str] = (), target_lang: str = ""
) -> list[Metric]:
    """The metrics called `names` for a task.

    Args:
        names: metric names.
        kind: ``classification`` or ``generation``.
        labels: of a classification task.
        target_lang: language code of the targets of a generation task.

    Raises:
        UserError: a metric does not fit the kind of task.
    """
    from textmill.evaluation.metrics import classification, overlap, translation

    known = CLASSIFICATION if kind == "classification" else GENERATION
    for name in names:
        if name not in known:
            raise UserError(
                f"metrics: {name}: does not fit a {kind} task; expected some of {', '.join(known)}."
            )
    makers = {
        "accuracy": classification.accuracy,
        "macro_f1": lambda: classification.macro_f1(labels),
        "micro_f1": lambda: classification.micro_f1(labels),
        "bleu": lambda: translation.bleu(target_lang),
        "chrf": translation.chrf,
        "rouge1": lambda: overlap.rouge("rouge1"),
        "rouge2": lambda: overlap.rouge("rouge2"),
        "rougeL": lambda: overlap.rouge("rougeL"),
        "exact_match": overlap.exact_match,
    }
    return [makers[name]() for name in names]
