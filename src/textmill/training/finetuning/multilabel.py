"""Any number of labels for a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.modeling.targets import read_labels
from textmill.modeling.thresholds import best_thresholds, f1_figures
from textmill.training.examples import Ids, Rows, encode
from textmill.training.finetuning.objective import Objective
from textmill.training.objectives import class_logits

if TYPE_CHECKING:
    import torch


class Multilabel(Objective):
    """Each label by itself, by binary cross-entropy; a label is given from its own threshold on.

    The thresholds are those of the best F1 on the validation rows, and are saved in the model's config as
    ``thresholds``, a mapping from label to probability.

    Raises:
        UserError: no training row has a label, or validation has one that training never shows.
    """

    head = "SequenceClassification"
    problem = "multi_label_classification"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        sets = [[read_labels(target) for target in rows.targets] for rows in (train, validation)]
        self.labels = sorted({label for found in sets[0] for label in found})
        if not self.labels:
            raise UserError(f"{train.path}: expected rows with labels, found none.")
        targets = [self._hot(found, rows) for found, rows in zip(sets, (train, validation), strict=True)]
        inputs = [encode(tokenizer, rows.inputs, params.max_input_tokens) for rows in (train, validation)]
        self.deal(inputs, targets, tokenizer.pad_token_id)

    def _hot(self, found: list[list[str]], rows: Rows) -> Ids:
        """1 where a row has a label: (rows, labels)."""
        numbers = {label: number for number, label in enumerate(self.labels)}
        hot = np.zeros((len(found), len(numbers)), np.int64)
        for row, labels in enumerate(found):
            for label in labels:
                if label not in numbers:
                    raise UserError(
                        f"{rows.path}: row {row}: expected labels seen in training "
                        f"({', '.join(map(repr, self.labels[:20]))}), found {label!r}."
                    )
                hot[row, numbers[label]] = 1
        return hot

    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """Binary cross-entropy, the mean over rows and labels."""
        import torch

        inputs, attention, labels = arrays
        with self.autocast():
            logits = class_logits(model, inputs, attention)
        smoothing = self.params.label_smoothing
        wanted = torch.from_numpy(labels).to(logits.device).float() * (1 - smoothing) + smoothing / 2
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss``; ``macro_f1`` and ``micro_f1`` at the thresholds that are best on these very rows."""
        scores, gold, loss = self._validated(model)
        return {"loss": loss, **f1_figures(scores >= best_thresholds(scores, gold), gold)}

    def finish(self, model: Any) -> dict[str, Any]:
        """Tune the thresholds and leave them in the model's config."""
        scores, gold, _ = self._validated(model)
        found = best_thresholds(scores, gold)
        thresholds = {label: round(float(value), 6) for label, value in zip(self.labels, found, strict=True)}
        model.config.thresholds = thresholds
        return {"thresholds": thresholds}

    def _validated(self, model: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], float]:
        """Probabilities and truth, (rows, labels), and the mean loss."""
        import torch

        was_training = model.training
        model.eval()
        scores, gold, total = [], [], 0.0
        with torch.no_grad():
            for inputs, attention, labels in self.validation.in_order():
                with self.autocast():
                    logits = class_logits(model, inputs, attention)
                wanted = torch.from_numpy(labels).to(logits.device).float()
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
                total += float(loss) / len(self.labels)
                scores.append(logits.sigmoid().cpu().double().numpy())
                gold.append(labels == 1)
        model.train(was_training)
        truth = np.concatenate(gold)
        return np.concatenate(scores), truth, total / len(truth)
