"""A label for a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.config.finetune import Finetune
from textmill.training.examples import Ids, Rows, encode, label_numbers
from textmill.training.finetuning.objective import Arrays, Floats, Objective
from textmill.training.objectives import class_logits

if TYPE_CHECKING:
    import torch


class Classification(Objective):
    """One of several labels, by cross-entropy.

    Raises:
        UserError: training has fewer than two labels, or validation has one that training never shows.
    """

    head = "SequenceClassification"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        inputs = [encode(tokenizer, rows.inputs, params.max_input_tokens) for rows in (train, validation)]
        self.labels, *targets = label_numbers(train, validation)
        self.deal(inputs, targets, tokenizer.pad_token_id)
        self.weights = _balanced(targets[0], len(self.labels)) if params.class_weights == "balanced" else None
        self.row_weights: Floats | None = None

    def begin(self, model: Any, is_control: bool) -> None:
        """A control of `row_weights` learns without them."""
        if is_control and self.params.control == "unweighted":
            self.row_weights = None

    def arrays(self, step: int) -> Arrays:
        """Inputs, attention, labels and, where rows are weighed, their weights."""
        arrays = self.train.step(step)
        return arrays if self.row_weights is None else (*arrays, self.row_weights[self.train.rows(step)])

    def counts(self, *arrays: Any) -> Floats:
        """The weight of each row's class times its own."""
        of_class = np.ones(len(arrays[2])) if self.weights is None else self.weights[arrays[2]]
        return of_class * arrays[3] if len(arrays) > 3 else of_class

    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """Cross-entropy; with weights of classes or rows, over the sum of the rows' weights."""
        import torch

        inputs, attention, labels = arrays[:3]
        with self.autocast():
            logits = class_logits(model, inputs, attention)
        weight = None
        if self.weights is not None:
            weight = torch.from_numpy(self.weights).float().to(logits.device)
        numbers = torch.from_numpy(labels).to(logits.device)
        smoothing = self.params.label_smoothing
        if len(arrays) == 3:
            return torch.nn.functional.cross_entropy(
                logits, numbers, weight=weight, label_smoothing=smoothing
            )
        losses = torch.nn.functional.cross_entropy(
            logits, numbers, weight=weight, label_smoothing=smoothing, reduction="none"
        )
        own = torch.from_numpy(arrays[3]).float().to(logits.device)
        return (losses * own).sum() / max(float(self.counts(*arrays).sum()), 1e-9)

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss``, ``accuracy`` and ``macro_f1``."""
        import torch

        total, rows = 0.0, 0
        confusion = torch.zeros(len(self.labels), len(self.labels), dtype=torch.int64)
        for inputs, attention, labels in self.validation.in_order():
            with self.autocast():
                logits = class_logits(model, inputs, attention)
            numbers = torch.from_numpy(labels).to(logits.device)
            total += float(torch.nn.functional.cross_entropy(logits, numbers, reduction="sum"))
            places = numbers.cpu() * len(self.labels) + logits.argmax(dim=1).cpu()
            confusion += torch.bincount(places, minlength=confusion.numel()).reshape(confusion.shape)
            rows += len(labels)
        right = confusion.diagonal()
        seen = confusion.sum(dim=0) + confusion.sum(dim=1)
        f1 = 2 * right[seen > 0] / seen[seen > 0]
        return {
            "loss": total / rows,
            "accuracy": int(right.sum()) / rows,
            "macro_f1": float(f1.double().mean()),
        }


def _balanced(numbers: Ids, classes: int) -> Floats:
    """Rows over classes times rows of the class, float64 (classes,), scikit-learn's `balanced`."""
    counts = np.bincount(numbers, minlength=classes)
    return counts.sum() / (classes * np.maximum(counts, 1))
