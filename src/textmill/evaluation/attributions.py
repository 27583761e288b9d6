"""Which words made a classifier decide: integrated gradients (Sundararajan et al. 2017) through Captum."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.errors import UserError
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer

FEWEST_STEPS, MOST_STEPS = 32, 1024
TOLERANCE = 0.01
"""Error of the sum, relative to the logit difference (or to 1, if that is less), that is accurate enough."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
_PIECE = rf"[{_UNSPACED}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_UNSPACED}]]+|\S"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Word:
    """A word, a Chinese character or a mark of the text, and what it adds to the label's logit."""

    text: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Attribution:
    """What the words of a text add to the logit of a label.

    Attributes:
        text: as it was given; what does not fit into the model has no words.
        label: whose logit is explained; `is_predicted` says whether it is the model's answer.
        probability: of the label.
        words: in order of the text.
        logit, baseline: of the text, and of padding in place of its tokens.
        steps: points of the path from one to the other.
        error: the sum of the words' scores less the logit difference.
        is_cut: whether the end of the text did not fit.
    """

    text: str
    label: str
    is_predicted: bool
    probability: float
    words: list[Word]
    logit: float
    baseline: float
    steps: int
    error: float
    is_cut: bool


class Explainer:
    """Explains the decisions of one sequence classifier."""

    def __init__(self, directory: str | os.PathLike[str], max_input_tokens: int = 512, threads: int = 1):
        """Args: a Hugging Face sequence classifier; texts are cut to so many tokens; CPU threads.

        Raises:
            UserError: Captum is missing, or the directory holds no classifier with a fast tokenizer.
        """
        _captum()
        self.tokenizer = load_tokenizer(directory)
        self.model = load_model(directory, "SequenceClassification", threads)
        self.limit = input_limit(self.model, self.tokenizer, max_input_tokens)
        self.labels = [self.model.config.id2label[number] for number in range(self.model.config.num_labels)]
        if not self.tokenizer.is_fast:
            raise UserError(
                f"{directory}: expected a fast tokenizer, which knows where tokens stand in a text."
            )

    def explain(self, text: str, label: str | None = None) -> Attribution:
        """Attribute the logit of `label`, or of the model's answer if None, to the words of `text`.

        The path is taken in ever more steps until the scores add up to the logit difference within
        `TOLERANCE`.

        Raises:
            UserError: the model has no such label, or the text has no tokens.
        """
        import torch

        encoded = self.tokenizer(
            text, truncation=True, max_length=self.limit, return_tensors="pt",
            return_offsets_mapping=True, return_special_tokens_mask=True,
        )  # fmt: skip
        ids, mask = encoded["input_ids"], encoded["attention_mask"]
        special = encoded["special_tokens_mask"].bool()
        if bool(special.all()):
            raise UserError("expected a text with words in it, found none.")
        baseline = torch.where(special, ids, self._filler())
        with torch.inference_mode():
            logits, empty = (
                self.model(input_ids=each, attention_mask=mask).logits[0] for each in (ids, baseline)
            )
        predicted = int(logits.argmax())
        number = predicted if label is None else self._number(label)
        difference = float(logits[number] - empty[number])
        scores, steps = self._scores(ids, baseline, mask, number, difference)
        offsets = [(int(start), int(end)) for start, end in encoded["offset_mapping"][0]]
        read = max(end for _, end in offsets)
        return Attribution(
            text, self.labels[number], number == predicted, self._probability(logits, number),
            merged(text[:read], offsets, scores), float(logits[number]), float(empty[number]), steps,
            float(scores.sum()) - difference, bool(text[read:].strip()),
        )  # fmt: skip

    def _scores(
        self, ids: Any, baseline: Any, mask: Any, number: int, difference: float
    ) -> tuple[Floats, int]:
        """The score of each token, float64 (tokens,), and the steps that it took."""

        def forward(tokens: Any, attention: Any) -> Any:
            return self.model(input_ids=tokens, attention_mask=attention.expand_as(tokens)).logits.double()

        method = _captum()(forward, self.model.get_input_embeddings())
        steps = FEWEST_STEPS
        while True:
            found = method.attribute(
                ids, baseline, target=number, additional_forward_args=(mask,), n_steps=steps,
                internal_batch_size=32,
            )  # fmt: skip
            scores = found.detach().sum(dim=-1)[0].double().numpy()
            error = abs(float(scores.sum()) - difference)
            if error <= TOLERANCE * max(1.0, abs(difference)) or steps >= MOST_STEPS:
                return scores, steps
            steps *= 2

    def _filler(self) -> int:
        """The token that says nothing: padding, or the mask of models without."""
        for name in ("pad_token_id", "mask_token_id", "unk_token_id", "eos_token_id"):
            found = getattr(self.tokenizer, name)
            if found is not None:
                return int(found)
        raise UserError("expected a tokenizer with a padding token, found none.")

    def _number(self, label: str) -> int:
        if label not in self.labels:
            raise UserError(f"--label: expected one of {', '.join(self.labels)}, found {label!r}.")
        return self.labels.index(label)

    def _probability(self, logits: Any, number: int) -> float:
        several = self.model.config.problem_type == "multi_label_classification"
        return float((logits.sigmoid() if several else logits.softmax(dim=0))[number])


def merged(text: str, offsets: Sequence[tuple[int, int]], scores: Floats) -> list[Word]:
    """Scores of tokens as scores of words; in scripts without spaces, of characters.

    A token that covers several words gives each its share by characters; several tokens of a word add up.
    What stands in no word (white space) goes to the next word, so that nothing is lost of the sum.

    Args:
        text: the text that was read.
        offsets: where each token starts and ends in it; equal for tokens that are not of the text.
        scores: (tokens,).
    """
    pieces = [match.span() for match in _pieces()(text)]
    totals = np.zeros(len(pieces))
    if not pieces:
        return []
    starts = np.array([start for start, _ in pieces])
    ends = np.array([end for _, end in pieces])
    for (start, end), score in zip(offsets, scores, strict=True):
        shared = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
        if shared.sum():
            totals += score * shared / shared.sum()
        else:
            totals[min(int(np.searchsorted(starts, start)), len(pieces) - 1)] += score
    return [
        Word(text[start:end], start, end, float(total))
        for (start, end), total in zip(pieces, totals, strict=True)
    ]


@functools.cache
def _pieces() -> Callable[[str], Any]:
    import regex

    return regex.compile(_PIECE, regex.VERSION1).finditer


def _captum() -> Any:
    try:
        from captum.attr import LayerIntegratedGradients
    except ImportError:
        raise UserError(
            "attributions need the package captum; run: pip install 'textmill[attributions]'."
        ) from None
    return LayerIntegratedGradients
