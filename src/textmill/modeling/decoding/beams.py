"""Beam search, as transformers' `generate` does it with its defaults: the same beams, scores and end."""

from __future__ import annotations

from typing import Any

import torch

from textmill.modeling.decoding.largest import is_one_of, largest
from textmill.modeling.decoding.settings import Decoding

NEVER = -1.0e9


class _Beams:
    """What is known of each input: the beams that go on, and the best that have ended."""

    def __init__(self, items: int, settings: Decoding) -> None:
        shape = (items, settings.beams)
        self.places = torch.arange(items)
        self.scores = torch.zeros(items, 1)
        self.tokens = torch.full((items, 1, settings.max_new_tokens), -1)
        self.ended = torch.full((*shape, settings.max_new_tokens), -1)
        self.ended_scores = torch.full(shape, NEVER)
        self.has_ended = torch.zeros(shape, dtype=torch.bool)

    def select(self, rows: Any) -> None:
        for name, value in list(vars(self).items()):
            setattr(self, name, value.index_select(0, rows))


def search(run: Any, settings: Decoding, ends: tuple[int, ...]) -> list[list[list[int]]]:
    """The best `settings.samples` outputs of each input, best first, each with its end token if it has one.

    An input is left when no running beam can overtake its worst ended one, by the mean log-probability per
    token; its rows are then dropped from the batch.

    Args:
        run: a batch behind its prompts, such as `LlamaRun`.
        settings: `beams`, `max_new_tokens`, `samples`.
        ends: tokens that end an output.
    """
    items = len(run.first)
    outputs: list[list[list[int]]] = [[] for _ in range(items)]
    state, width, logits = _Beams(items, settings), settings.beams, run.first
    keep = max(2, 1 + len(ends)) * width
    for step in range(settings.max_new_tokens):
        is_last = step + 1 == settings.max_new_tokens
        log_probs = torch.log_softmax(logits, -1).view(len(state.places), -1, logits.shape[-1])
        scores, found = largest(log_probs, state.scores, keep)
        parents, tokens = found // logits.shape[-1], found % logits.shape[-1]
        candidates = _gathered(state.tokens, parents)
        candidates[:, :, step] = tokens
        hits = torch.ones_like(tokens, dtype=torch.bool) if is_last else is_one_of(tokens, ends)
        _end(state, candidates, scores, hits, step + 1)
        state.scores, going = (scores + hits * NEVER).topk(width)
        state.tokens = _gathered(candidates, going)
        parents, tokens = parents.gather(1, going), tokens.gather(1, going)
        best = state.scores[:, :1] / (step + 1)
        worst = state.ended_scores.amin(1, keepdim=True).where(state.has_ended, NEVER)
        is_open = (best > worst).any(1)
        done = torch.ones_like(is_open) if is_last else ~is_open
        if bool(done.any()):
            rows = _hand_out(state, done, outputs, settings.samples)
            if not len(rows):
                break
            state.select(rows)
            parents, tokens = parents.index_select(0, rows), tokens.index_select(0, rows)
            run.select(rows)
        if step:
            run.reorder(parents)
        logits = run.logits(tokens.flatten())
    return outputs


def _gathered(sequences: Any, places: Any) -> Any:
    return sequences.gather(1, places[:, :, None].expand(-1, -1, sequences.shape[2]))


def _end(state: _Beams, candidates: Any, scores: Any, hits: Any, length: int) -> None:
    """Take candidates that end here among the best ended ones; only the first `beams` candidates may end."""
    width = state.ended_scores.shape[1]
    ending = hits[:, :width]
    if not bool(ending.any()):
        return
    means = (scores[:, :width] / length).masked_fill(~ending, 2 * NEVER)
    state.ended_scores, best = torch.cat([state.ended_scores, means], 1).topk(width)
    state.ended = _gathered(torch.cat([state.ended, candidates[:, :width]], 1), best)
    state.has_ended = torch.cat([state.has_ended, ending], 1).gather(1, best)


def _hand_out(state: _Beams, done: Any, outputs: list[list[list[int]]], samples: int) -> Any:
    """Write the outputs of inputs that are done; the rows of the others."""
    rows = done.nonzero()[:, 0]
    best = state.ended.index_select(0, rows)[:, :samples].tolist()
    for place, sequences in zip(state.places[rows].tolist(), best, strict=True):
        outputs[place] = [[token for token in sequence if token >= 0] for sequence in sequences]
    return (~done).nonzero()[:, 0]
