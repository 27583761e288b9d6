"""How likely a model finds each of several words in the gap of a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from textmill.evaluation.loading import load_model, load_tokenizer, pretrained_kind
from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.sentence_scores import hidden_token_scores, log_likelihoods

METHODS = {
    "decoder": "mean log-likelihood per token of the sentence",
    "encoder": "mean log-likelihood per token of the gap's words, those to the right of a token hidden too",
}


class Filled(NamedTuple):
    """A sentence in three parts; what is in the gap is what differs between alternatives."""

    before: str
    words: str
    after: str

    @property
    def text(self) -> str:
        """The whole sentence."""
        return self.before + self.words + self.after


class Filler:
    """A decoder or encoder that scores sentences with a gap."""

    def __init__(self, directory: str, threads: int, batch_tokens: int):
        """Load it.

        Raises:
            UserError: there is no such model.
        """
        kind = pretrained_kind(directory)
        self.encoder = kind == "encoder"
        self.method = METHODS["encoder" if self.encoder else "decoder"]
        self.tokenizer = load_tokenizer(directory)
        self.model = load_model(directory, "MaskedLM" if self.encoder else "CausalLM", threads)
        self.batch_tokens = batch_tokens

    def score(
        self, sentences: Sequence[Filled], advance: Callable[[int], None] = lambda rows: None
    ) -> Floats:
        """Scores of `METHODS`, nats per token: float64[sentences]. Only scores of one gap compare."""
        if not self.encoder:
            texts = [sentence.text for sentence in sentences]
            lengths = [len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
            total = log_likelihoods(self.model, self.tokenizer, texts, self.batch_tokens, advance)
            return total / np.maximum(lengths, 1)
        work: list[tuple[list[int], list[int], int]] = []
        owner: list[int] = []
        for place, sentence in enumerate(sentences):
            found = self.tokenizer(sentence.text, return_offsets_mapping=True)
            gap = self._gap(found["offset_mapping"], sentence)
            for number, at in enumerate(gap):
                # A word's own last pieces give its first ones away (Kauf and Ivanova 2023).
                work.append((found["input_ids"], gap[number:], at))
                owner.append(place)
        scores = np.zeros(len(sentences))
        np.add.at(
            scores, owner, hidden_token_scores(self.model, self.tokenizer, work, self.batch_tokens, advance)
        )
        return scores / np.maximum(np.bincount(owner, minlength=len(sentences)), 1)

    def _gap(self, offsets: Sequence[Any], sentence: Filled) -> list[int]:
        start = len(sentence.before)
        end = start + len(sentence.words)
        return [at for at, (first, last) in enumerate(offsets) if first < end and last > start]
