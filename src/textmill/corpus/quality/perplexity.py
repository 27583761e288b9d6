"""Perplexity under an n-gram language model of the good documents, as in CCNet (Wenzek et al., 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from textmill import ngram_lm
from textmill.corpus.shingles import Tokens

BOUNDARY, UNKNOWN, FIRST = 0, 1, 2
_FEWEST_STRANGERS = 1000


@dataclass(frozen=True)
class LanguageModel:
    """An n-gram model over the tokens it knows.

    Attributes:
        known: uint64, the hashes of the known tokens, ascending; token i has the number i + 2.
        model: with modified Kneser-Ney smoothing.
        strangers: how many tokens share the probability of the unknown one. Without that a text of
            unknown words would be likely.
    """

    known: npt.NDArray[np.uint64]
    model: ngram_lm.NgramModel
    strangers: int

    def perplexities(self, tokens: Tokens) -> npt.NDArray[np.float64]:
        """Of each document, per token and its end; NaN where it has no token (float64)."""
        numbers, starts = _numbered(tokens, self.known)
        logs = np.log(self.model.probabilities(numbers, starts))
        logs -= np.where(numbers == UNKNOWN, np.log(self.strangers), 0.0)
        ends = starts.astype(np.int64)
        means = np.add.reduceat(logs, ends[:-1]) / np.diff(ends) if len(logs) else np.zeros(0)
        return np.where(np.diff(tokens.offsets) > 0, np.exp(-means), np.nan)


def fit(tokens: Tokens, order: int, vocabulary: int) -> LanguageModel:
    """Learn from documents, all of which are good.

    Args:
        tokens: of the documents; there is at least one.
        order: longest n-grams.
        vocabulary: how many tokens are known apart, the most frequent ones that occur at least twice.
    """
    kinds, counts = np.unique(tokens.hashes, return_counts=True)
    # The most frequent first; of equally frequent ones the smallest hash, so that the choice is one.
    frequent = np.lexsort((kinds, -counts))[: vocabulary - FIRST]
    known = np.sort(kinds[frequent[counts[frequent] > 1]])
    numbers, starts = _numbered(tokens, known)
    model = ngram_lm.fit(numbers, starts, len(known) + FIRST, BOUNDARY, order)
    return LanguageModel(known, model, max(len(kinds) - len(known), _FEWEST_STRANGERS))


def _numbered(
    tokens: Tokens, known: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint64]]:
    """The documents as numbers, each ended by the boundary, and where each starts, plus the end."""
    if len(known):
        place = np.minimum(np.searchsorted(known, tokens.hashes), len(known) - 1)
        numbers = np.where(known[place] == tokens.hashes, place + FIRST, UNKNOWN)
    else:
        numbers = np.full(len(tokens.hashes), UNKNOWN)
    starts = tokens.offsets + np.arange(len(tokens.offsets))
    return np.insert(numbers, tokens.offsets[1:], BOUNDARY).astype(np.uint16), starts.astype(np.uint64)
