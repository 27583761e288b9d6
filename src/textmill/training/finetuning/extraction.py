"""Where in a context the answer to a question stands: extractive question answering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textmill.config.finetune import Finetune
from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.modeling.questions import Window, best_answers, question_windows
from textmill.modeling.targets import Answer, read_answers
from textmill.training.examples import Ids, Rows
from textmill.training.finetuning.objective import Objective

if TYPE_CHECKING:
    import torch


class Extraction(Objective):
    """Scores of each token to begin and to end the answer, by cross-entropy over the context's tokens.

    Where training has questions without an answer, the score that an answer must have is tuned on the
    validation rows and saved in the model's config as ``answer_threshold``.

    Raises:
        UserError: no training row has an answer that fits into a window.
    """

    head = "QuestionAnswering"

    def __init__(self, params: Finetune, seed: int, tokenizer: Any, train: Rows, validation: Rows):
        super().__init__(params, seed, tokenizer, train, validation)
        encoded = [self._encode(rows) for rows in (train, validation)]
        self.windows = encoded[1][0]
        self.gold = [_first(target) for target in validation.targets]
        self.has_unanswered = any(_first(target) is None for target in train.targets)
        if not (encoded[0][1][:, 1] > 0).any():
            raise UserError(
                f"{train.path}: expected answers of at most {params.max_target_tokens} tokens in windows of "
                f"{params.max_input_tokens}, found none."
            )
        inputs = [[window.ids for window in windows] for windows, _ in encoded]
        self.deal(inputs, [targets for _, targets in encoded], tokenizer.pad_token_id)

    def _encode(self, rows: Rows) -> tuple[list[Window], Ids]:
        """Windows, and for each the answer's first and last token, and begin and end of the context."""
        found = question_windows(self.tokenizer, rows.inputs, self.params.max_input_tokens)
        answers = [_first(target) for target in rows.targets]
        targets = [
            [*window.span(answers[window.row]), window.first, window.first + len(window.places)]
            for window in found
        ]
        return found, np.array(targets, np.int64)

    def loss(self, model: Any, *arrays: Any) -> torch.Tensor:
        """The mean of the cross-entropies of the first and the last token."""
        import torch

        starts, ends, wanted = self._scores(model, *arrays)
        smoothing = 0.0  # tokens outside the context are impossible, so nothing can be spread over all
        losses = [
            torch.nn.functional.cross_entropy(scores, wanted[:, side], label_smoothing=smoothing)
            for side, scores in enumerate((starts, ends))
        ]
        return (losses[0] + losses[1]) / 2

    def _scores(self, model: Any, inputs: Any, attention: Any, targets: Any) -> tuple[Any, Any, Any]:
        """Start and end scores (rows, length) fp32, the lowest outside the context, and the targets."""
        import torch

        ids, mask, wanted = (
            torch.from_numpy(array).to(model.device) for array in (inputs, attention, targets)
        )
        with self.autocast():
            output = model(input_ids=ids, attention_mask=mask)
        here = torch.arange(ids.shape[1], device=ids.device)
        allowed = (here >= wanted[:, 2:3]) & (here < wanted[:, 3:4]) | (here == 0)
        lowest = torch.finfo(torch.float32).min
        starts, ends = (
            scores.float().masked_fill(~allowed, lowest)
            for scores in (output.start_logits, output.end_logits)
        )
        return starts, ends, wanted

    def figures(self, model: Any) -> Mapping[str, float]:
        """``loss`` per window, and ``overlap_f1`` of characters of the best answer, at the best threshold."""
        losses: list[float] = []
        best = best_answers(self._validated(model, losses), len(self.gold), self.params.max_target_tokens)
        return {"loss": sum(losses) / len(self.windows), "overlap_f1": self._threshold(best)[1]}

    def finish(self, model: Any) -> dict[str, Any]:
        """Leave the threshold and the size of the windows in the model's config."""
        import torch

        model.eval()
        with torch.no_grad():
            best = best_answers(self._validated(model, []), len(self.gold), self.params.max_target_tokens)
        threshold = self._threshold(best)[0]
        model.config.answer_threshold = threshold
        model.config.window_tokens = self.params.max_input_tokens
        model.config.answer_tokens = self.params.max_target_tokens
        return {"answer_threshold": threshold}

    def _validated(self, model: Any, losses: list[float]) -> Iterator[tuple[Window, Any, Any]]:
        """Each window with its scores; summed losses of batches go to `losses`."""
        import torch

        for rows, arrays in zip(self.validation.rows_in_order(), self.validation.in_order(), strict=True):
            starts, ends, wanted = self._scores(model, *arrays)
            both = [
                torch.nn.functional.cross_entropy(scores, wanted[:, side], reduction="sum")
                for side, scores in enumerate((starts, ends))
            ]
            losses.append(float(both[0] + both[1]) / 2)
            for row, start, end in zip(
                rows, starts.cpu().double().numpy(), ends.cpu().double().numpy(), strict=True
            ):
                yield self.windows[row], start, end

    def _threshold(self, best: list[tuple[float, int, int]]) -> tuple[float | None, float]:
        """The score from which on an answer is given, and the mean overlap F1 with it; see `overlap_f1`."""
        answered = np.array(
            [_overlap(gold, begin, end) for gold, (_, begin, end) in zip(self.gold, best, strict=True)]
        )
        if not self.has_unanswered:
            return None, float(answered.mean())
        silent = np.array([float(gold is None) for gold in self.gold])
        scores = np.array([score for score, _, _ in best])
        order = np.argsort(-scores, kind="stable")
        # Of the questions in falling order of score the first k are answered.
        gains = np.concatenate([[0.0], np.cumsum((answered - silent)[order])])
        k = int(np.argmax(gains))
        ranked = scores[order]
        high = ranked[k - 1] if k else ranked[0] + 1.0
        low = ranked[k] if k < len(ranked) else ranked[-1] - 1.0
        return round(float((high + low) / 2), 6), float((silent.sum() + gains[k]) / len(silent))

    def save(self, folder: Path) -> None:
        """The tokenizer, told that the model was trained without token types."""
        super().save(folder)
        path = folder / "tokenizer_config.json"
        write_json(path, read_json(path) | {"model_input_names": ["input_ids", "attention_mask"]})


def _first(target: str) -> Answer | None:
    answers = read_answers(target)
    return answers[0] if answers else None


def _overlap(gold: Answer | None, begin: int, end: int) -> float:
    """F1 of the characters that two spans share; 0 where there is nothing to find."""
    if gold is None:
        return 0.0
    shared = min(end, gold.start + len(gold.text)) - max(begin, gold.start)
    return 2 * max(shared, 0) / (end - begin + len(gold.text))
