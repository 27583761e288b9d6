"""A tag for each unit of a text: sequence labelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.modeling.framing import frame, unit_tokens, windows
from textmill.modeling.targets import OUTSIDE, read_spans
from textmill.training.corruption import IGNORED
from textmill.training.examples import Rows
from textmill.training.finetuning.objective import Floats, Objective
from textmill.training.objectives import class_logits

if TYPE_CHECKING:
    import torch


class Tagging(Objective):
    """BIO tags by cross-entropy at the first token of each unit.

    A text longer than `max_input_tokens` becomes several examples that do not overlap.

    Raises:
        UserError: a row has not as many tags as units, training has no label, or validation has one that
            training never shows.
    """

    head = "TokenClassification"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        names = {tag[2:] for target in train.targets for tag in target.split() if tag != OUTSIDE}
        if not names:
            raise UserError(f"{train.path}: expected tags that begin spans, found only {OUTSIDE}.")
        self.labels = [OUTSIDE, *(f"{part}-{name}" for name in sorted(names) for part in "BI")]
        encoded = [self._encode(rows) for rows in (train, validation)]
        self.deal([ids for ids, _ in encoded], [tags for _, tags in encoded], tokenizer.pad_token_id)

    def _encode(self, rows: Rows) -> tuple[list[list[int]], list[list[int]]]:
        """Ids and tag numbers of each window; -100 at tokens that no unit begins with."""
        numbers = {tag: number for number, tag in enumerate(self.labels)}
        before, after = frame(self.tokenizer)
        room = max(1, self.params.max_input_tokens - len(before) - len(after))
        inputs, targets = [], []
        for row, (tokens, target) in enumerate(
            zip(unit_tokens(self.tokenizer, rows.inputs), rows.targets, strict=True)
        ):
            tags = target.split()
            if len(tags) != len(tokens):
                raise UserError(
                    f"{rows.path}: row {row}: expected a tag for each of {len(tokens)} units, "
                    f"found {len(tags)}."
                )
            for tag in tags:
                if tag not in numbers:
                    raise UserError(
                        f"{rows.path}: row {row}: expected one of the tags seen in training "
                        f"({', '.join(map(repr, self.labels[:20]))}), found {tag!r}."
                    )
            for start, end in windows([len(ids) for ids in tokens], room, 0):
                flat = [one for ids in tokens[start:end] for one in ids][:room]
                marks = [
                    mark
                    for ids, tag in zip(tokens[start:end], tags[start:end], strict=True)
                    for mark in (numbers[tag], *[IGNORED] * (len(ids) - 1))
                ][:room]
                inputs.append([*before, *flat, *after])
                targets.append([IGNORED] * len(before) + marks + [IGNORED] * len(after))
        return inputs, targets

    def counts(self, *arrays: Any) -> Floats:
        """Units of each example."""
        return (arrays[2] >= 0).sum(axis=1).astype(np.float64)

    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """Cross-entropy, the mean over units."""
        import torch

        logits, wanted = self._at_units(model, *arrays)
        return torch.nn.functional.cross_entropy(logits, wanted, label_smoothing=self.params.label_smoothing)

    def _at_units(self, model: Any, inputs: Any, attention: Any, labels: Any) -> tuple[Any, Any]:
        """Logits (units, tags) and tag numbers (units,)."""
        import torch

        with self.autocast():
            logits = class_logits(model, inputs, attention)
        wanted = torch.from_numpy(labels).to(logits.device)
        places = wanted != IGNORED
        return logits[places], wanted[places]

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss``, ``accuracy`` of tags, and ``span_f1``: F1 of whole spans, pooled."""
        import torch

        total, right, count = 0.0, 0, 0
        sizes = np.zeros(3)
        for inputs, attention, labels in self.validation.in_order():
            logits, wanted = self._at_units(model, inputs, attention, labels)
            total += float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))
            found = logits.argmax(dim=1)
            right += int((found == wanted).sum())
            count += len(wanted)
            ends = np.cumsum((labels >= 0).sum(axis=1))[:-1]
            for ours, gold in zip(
                np.split(found.cpu().numpy(), ends), np.split(wanted.cpu().numpy(), ends), strict=True
            ):
                spans, truth = (set(read_spans([self.labels[one] for one in side])) for side in (ours, gold))
                sizes += [len(spans & truth), len(spans), len(truth)]
        return {
            "loss": total / count,
            "accuracy": right / count,
            "span_f1": float(2 * sizes[0] / max(sizes[1] + sizes[2], 1)),
        }

    def finish(self, model: Any) -> dict[str, Any]:
        """Leave in the model's config how many tokens it learned to read at once."""
        model.config.window_tokens = self.params.max_input_tokens
        return {}
