"""Which of two answers is preferred: direct preference optimization (Rafailov et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.files import replacing
from textmill.modeling.conversations import read_pair
from textmill.training.checkpoints import run_key
from textmill.training.examples import Examples, Ids, Rows
from textmill.training.finetuning.generation import asked_and_answered, save_template, template
from textmill.training.finetuning.objective import Arrays, Floats, Objective
from textmill.training.objectives import preference_logits, preference_loss, sequence_log_probs
from textmill.training.padding import pad_rows

if TYPE_CHECKING:
    import torch

REFERENCES = Path(".textmill/references")
_DECIDING = ("precision", "device", "threads", "batch", "max_input_tokens", "max_target_tokens")


class Preference(Objective):
    """A decoder is moved towards the preferred answer, no further from where it started than `beta` allows.

    The reference is the model as it was before the first step. Its log-probabilities are computed once and
    kept in `REFERENCES`, outside of all outs.

    Raises:
        UserError: a row's target is no pair of answers, or the tokenizer has no chat template.
    """

    head = "CausalLM"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        template(tokenizer, params.base)
        self._pairs = [self._encoded(rows) for rows in (train, validation)]
        # Batches are of rows of like length; what a row holds is looked up by its number.
        longest = [[max(one[0], other[0], key=len) for one, other in pairs] for pairs in self._pairs]
        self.deal(longest, [np.arange(len(pairs)) for pairs in self._pairs], tokenizer.pad_token_id or 0)
        self._references: list[Floats] = []

    def _encoded(self, rows: Rows) -> list[tuple[tuple[list[int], list[int]], ...]]:
        answers: list[tuple[str, str]] = []
        for number, target in enumerate(rows.targets):
            try:
                answers.append(read_pair(target))
            except ValueError as error:
                raise UserError(
                    f"{rows.path}: row {number}: expected a task of kind preference, but {error}."
                ) from None
        sides = [
            zip(*asked_and_answered(self.tokenizer, self.params, rows.inputs, side), strict=True)
            for side in zip(*answers, strict=True)
        ]
        return list(zip(*sides, strict=True))

    def begin(self, model: Any, is_control: bool) -> None:
        """Compute the reference's log-probabilities of every answer, or take those kept."""
        deciding = {name: getattr(self.params, name) for name in _DECIDING}
        start = {"control": self.seed} if is_control else {}
        key = run_key({**deciding, **start}, (self.params.base, self.path.parent))
        path = REFERENCES / f"{key}.npy"
        sizes = [len(pairs) for pairs in self._pairs]
        if path.is_file():
            found = np.load(path, allow_pickle=False)
        else:
            found = np.concatenate([self._log_probs(model, split) for split in (0, 1)])
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, temporary.open("wb") as file:
                np.save(file, found)
        self._references = [found[: sizes[0]], found[sizes[0] :]]

    def _log_probs(self, model: Any, split: int) -> Floats:
        """Of both answers of each row, float64 (rows, 2)."""
        import torch

        model.eval()
        found = np.empty((len(self._pairs[split]), 2))
        with torch.inference_mode():
            for rows in self._in_order(split):
                found[rows] = self._policy(model, *self._arrays(split, rows)[:3]).double().cpu().numpy()
        return found

    def _in_order(self, split: int) -> Iterator[Ids]:
        examples: Examples = (self.train, self.validation)[split]
        return (batch[2] for batch in examples.in_order())

    def _arrays(self, split: int, rows: Ids) -> Arrays:
        """Ids, attention, labels (rows, 2, length) of preferred and other answers, and their reference."""
        flat = [side for row in rows for side in self._pairs[split][row]]
        ids, attention = pad_rows([side[0] for side in flat], self.tokenizer.pad_token_id or 0)
        labels, _ = pad_rows([side[1] for side in flat], is_label=True)
        shape = (len(rows), 2, -1)
        reference = self._references[split][rows] if self._references else np.zeros((len(rows), 2))
        return ids.reshape(shape), attention.reshape(shape), labels.reshape(shape), reference

    def _policy(self, model: Any, ids: Ids, attention: Ids, labels: Ids) -> torch.Tensor:
        flat = [array.reshape(-1, array.shape[-1]) for array in (ids, attention, labels)]
        with self.autocast():
            return sequence_log_probs(model, *flat).reshape(-1, 2)

    def longest(self) -> int:
        """Request and answer together."""
        return self.params.max_input_tokens + self.params.max_target_tokens

    def arrays(self, step: int) -> Arrays:
        """See `_arrays`."""
        return self._arrays(0, self.train.rows(step))

    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """The mean over rows."""
        import torch

        policy = self._policy(model, *arrays[:3])
        reference = torch.from_numpy(arrays[3]).float().to(policy.device)
        return preference_loss(policy, reference, self.params.beta)

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss``; ``accuracy``, how often the preferred answer gained more; ``reward_margin``, how much."""
        import torch

        references = torch.from_numpy(self._references[1]).float()
        policy = torch.from_numpy(self._log_probs(model, 1)).float()
        gained = preference_logits(policy, references)
        return {
            "loss": float(preference_loss(policy, references, self.params.beta)),
            "accuracy": float((gained > 0).double().mean()),
            "reward_margin": float(self.params.beta * gained.double().mean()),
        }

    def save(self, folder: Path) -> None:
        """The tokenizer, with the template that says how to ask the model."""
        super().save(folder)
        save_template(self.tokenizer, folder)
