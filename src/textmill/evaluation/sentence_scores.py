"""How likely a model finds sentences: log-likelihood of a decoder, pseudo-log-likelihood of an encoder."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.language_model import decoder_losses
from textmill.evaluation.masked_model import logits_at
from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.token_documents import TokenDocuments


def log_likelihoods(
    model: Any,
    tokenizer: Any,
    sentences: Sequence[str],
    batch_tokens: int,
    advance: Callable[[int], None] = lambda tokens: None,
) -> Floats:
    """Sum of log-probabilities of each sentence's tokens after the end-of-document token: float64, nats."""
    encoded = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in sentences]
    lengths = [len(ids) for ids in encoded]
    documents = TokenDocuments(
        np.array([token for ids in encoded for token in ids], dtype=np.int64),
        np.cumsum([0, *lengths]).astype(np.uint64),
    )
    context = max(lengths)
    return -decoder_losses(model, documents, tokenizer.eos_token_id, context, context, batch_tokens, advance)


def shared_positions(first: Sequence[int], second: Sequence[int]) -> tuple[list[int], list[int]]:
    """Places of the tokens that two sentences share, in each of them: longest matching blocks in order."""
    blocks = difflib.SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    ours = [block.a + i for block in blocks for i in range(block.size)]
    theirs = [block.b + i for block in blocks for i in range(block.size)]
    return ours, theirs


def pair_pseudo_log_likelihoods(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[str, str]],
    batch_tokens: int,
    advance: Callable[[int], None] = lambda rows: None,
) -> tuple[Floats, Floats]:
    """For both sentences of each pair, the sum of log P(shared token | all the others) (Nangia et al. 2020).

    Only tokens that both sentences share are scored, each hidden alone, so that a rarer word in one of
    them does not decide. Two float64 arrays, nats.
    """
    special = set(tokenizer.all_special_ids)
    work: list[tuple[int, list[int], int]] = []
    for place, (first, second) in enumerate(pairs):
        ids = [tokenizer(text)["input_ids"] for text in (first, second)]
        for side, positions in enumerate(shared_positions(*ids)):
            work += [(2 * place + side, ids[side], at) for at in positions if ids[side][at] not in special]
    found = hidden_token_scores(
        model,
        tokenizer,
        [(ids, [at], at) for _, ids, at in work],
        batch_tokens,
        advance,
    )
    scores = np.zeros(2 * len(pairs))
    np.add.at(scores, [row for row, _, _ in work], found)
    return scores[0::2], scores[1::2]


def hidden_token_scores(
    model: Any,
    tokenizer: Any,
    work: Sequence[tuple[Sequence[int], Sequence[int], int]],
    batch_tokens: int,
    advance: Callable[[int], None] = lambda rows: None,
) -> Floats:
    """log P(token at a place | the others) of an encoder, with some places hidden: float64, nats.

    Args:
        work: per item the ids of a sentence, the places that are hidden, and the one that is scored.
    """
    import torch

    scores = np.zeros(len(work))
    for rows in batches_by_length([len(ids) for ids, _, _ in work], batch_tokens):
        width = len(work[rows[0]][0])
        inputs = np.full((len(rows), width), tokenizer.pad_token_id, dtype=np.int64)
        for line, row in enumerate(rows):
            inputs[line, : len(work[row][0])] = work[row][0]
        at = [work[row][2] for row in rows]
        lengths = np.array([len(work[row][0]) for row in rows])
        targets = torch.from_numpy(inputs[range(len(rows)), at].copy())
        for line, row in enumerate(rows):
            inputs[line, list(work[row][1])] = tokenizer.mask_token_id
        attended = torch.from_numpy((np.arange(width) < lengths[:, None]).astype(np.int64))
        with torch.inference_mode():
            logits = logits_at(model, torch.from_numpy(inputs), attended, range(len(rows)), at)
            found = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none")
        scores[rows] = -found.double().numpy()
        advance(len(rows))
    return scores
