"""Which metrics fit which kind of task, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from textmill.errors import UserError
from textmill.evaluation.metrics.metric import Metric

CLASSIFICATION = ("accuracy", "macro_f1", "micro_f1", "label_f1", "mcc")
GENERATION = (
    "bleu", "chrf", "ter", "rouge1", "rouge2", "rougeL", "rougeLsum", "exact_match", "answer_em", "answer_f1",
    "distinct1", "distinct2", "repetition",
)  # fmt: skip


def choose_metrics(
    names: Sequence[str], kind: str, labels: Sequence[str] = (), target_lang: str = ""
) -> list[Metric]:
    """The metrics called `names` for a task; ``label_f1`` stands for the F1 of each label.

    Args:
        names: metric names.
        kind: ``classification`` or ``generation``.
        labels: of a classification task.
        target_lang: language code of the targets of a generation task.

    Raises:
        UserError: a metric does not fit the kind of task.
    """
    from textmill.evaluation.metrics import classification, overlap, translation, variety

    each = {f"f1[{label}]": partial(classification.label_f1, label) for label in labels}
    known = (*CLASSIFICATION, *each) if kind == "classification" else GENERATION
    for name in names:
        if name not in known:
            raise UserError(
                f"metrics: {name}: does not fit a {kind} task; expected some of {', '.join(known)}."
            )
    makers: dict[str, Callable[[], Metric]] = {
        "accuracy": classification.accuracy,
        "macro_f1": lambda: classification.macro_f1(labels),
        "micro_f1": lambda: classification.micro_f1(labels),
        "mcc": lambda: classification.matthews(labels),
        "bleu": lambda: translation.bleu(target_lang),
        "chrf": translation.chrf,
        "ter": lambda: translation.ter(target_lang),
        **{kind: partial(overlap.rouge, kind) for kind in ("rouge1", "rouge2", "rougeL", "rougeLsum")},
        "exact_match": overlap.exact_match,
        "answer_em": overlap.answer_exact_match,
        "answer_f1": overlap.answer_f1,
        "distinct1": lambda: variety.distinct(1),
        "distinct2": lambda: variety.distinct(2),
        "repetition": variety.repetition,
        **each,
    }
    every = [list(each) if name == "label_f1" else [name] for name in names]
    return [makers[name]() for part in every for name in part]
