"""Log-probabilities of continuations, in batches of similar length: what the harness asks a model for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.language_model import token_losses


class Scored(NamedTuple):
    """Of one continuation: its log-probability in nats, and whether greedy decoding would write it."""

    log_likelihood: float
    greedy: bool


Pair = tuple[Sequence[int], Sequence[int]]
"""Ids of a context (one at least) and of the continuation that is scored."""


def rolling_pairs(ids: Sequence[int], prefix: int, context: int) -> list[Pair]:
    """Cut a text into pairs that predict each token once, as the harness' `loglikelihood_rolling` does.

    A window predicts up to `context` tokens. The last one is filled up with tokens from before, so that it
    too sees as much as the model can read.
    """
    pairs: list[Pair] = []
    for start in range(0, len(ids), context):
        end = min(start + context, len(ids))
        first = max(end - context - 1, -1)
        before = [prefix, *ids[:start]] if first < 0 else list(ids[first:start])
        pairs.append((before, ids[start:end]))
    return pairs


def score_causal(
    model: Any,
    pairs: Sequence[Pair],
    context: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[Scored]:
    """Score continuations with a decoder; a context that is too long loses its beginning.

    Args:
        model: a Hugging Face causal language model in evaluation mode.
        pairs: what to score. A continuation longer than `context` is scored by its last tokens, as the
            harness' own models do.
        context: tokens the model can read.
        batch_tokens: padded tokens in a batch.
        advance: told how many pairs each batch finished.
    """
    import torch

    whole = [[*before, *after][-(context + 1) :] for before, after in pairs]
    found: list[Scored] = [Scored(0.0, True)] * len(pairs)
    for rows in batches_by_length([max(len(ids) - 1, 1) for ids in whole], batch_tokens):
        width = max(len(whole[rows[0]]) - 1, 1)
        inputs = np.zeros((len(rows), width), np.int64)
        targets = np.full((len(rows), width), -100, np.int64)
        for line, row in enumerate(rows):
            ids, length = whole[row], len(whole[row]) - 1
            inputs[line, :length] = ids[:-1]
            scored = min(len(pairs[row][1]), length)
            targets[line, length - scored : length] = ids[len(ids) - scored :]
        with torch.inference_mode():
            logits = model(input_ids=torch.from_numpy(inputs)).logits
            _keep(found, rows, logits, torch.from_numpy(targets))
        advance(len(rows))
    return found


def score_seq2seq(
    model: Any,
    pairs: Sequence[Pair],
    context: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[Scored]:
    """Score continuations with an encoder-decoder, which reads the context and writes the continuation."""
    import torch

    pad, start = model.config.pad_token_id or 0, model.config.decoder_start_token_id
    found: list[Scored] = [Scored(0.0, True)] * len(pairs)
    sizes = [max(min(len(before), context), len(after)) for before, after in pairs]
    for rows in batches_by_length(sizes, batch_tokens):
        sources = [list(pairs[row][0])[-context:] for row in rows]
        outputs = [list(pairs[row][1]) for row in rows]
        inputs = _padded(sources, pad)
        decoder = _padded([[start, *ids[:-1]] for ids in outputs], pad)
        with torch.inference_mode():
            logits = model(
                input_ids=inputs, attention_mask=_attended(sources), decoder_input_ids=decoder
            ).logits
            _keep(found, rows, logits, _padded(outputs, -100))
        advance(len(rows))
    return found


def _keep(found: list[Scored], rows: Sequence[int], logits: Any, targets: Any) -> None:
    losses = token_losses(logits, targets).double().sum(1).tolist()
    right = ((logits.argmax(-1) == targets) | (targets < 0)).all(1).tolist()
    for line, row in enumerate(rows):
        found[row] = Scored(-losses[line], right[line])


def _padded(lists: Sequence[Sequence[int]], fill: int) -> Any:
    import torch

    table = np.full((len(lists), max(1, *map(len, lists))), fill, np.int64)
    for line, ids in enumerate(lists):
        table[line, : len(ids)] = ids
    return torch.from_numpy(table)


def _attended(lists: Sequence[Sequence[int]]) -> Any:
    import torch

    lengths = np.array([len(ids) for ids in lists])
    return torch.from_numpy((np.arange(max(1, lengths.max())) < lengths[:, None]).astype(np.int64))
