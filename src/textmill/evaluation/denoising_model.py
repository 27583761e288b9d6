"""Losses of an encoder-decoder at hidden spans (span corruption, Raffel et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.language_model import token_losses
from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.token_documents import TokenDocuments, pieces


def hidden_spans(
    documents: TokenDocuments, context: int, fraction: float, mean_span: float, sentinels: int, seed: int
) -> NDArray[np.bool_]:
    """Which tokens are hidden: spans in pieces of `context` tokens, about `fraction` of each piece.

    A piece of n tokens hides round(n * fraction) tokens, one at least, in round(hidden / mean_span) spans,
    one at least and one per sentinel at most; spans are apart. A piece of one token hides nothing.
    """
    generator = np.random.default_rng(seed)
    hidden = np.zeros(len(documents.tokens), dtype=np.bool_)
    for start, end in pieces(documents, context):
        length = end - start
        if length < 2:
            continue
        noise = min(max(1, round(length * fraction)), length - 1)
        spans = min(max(1, round(noise / mean_span)), noise, length - noise, sentinels)
        inside, outside = _cut(noise, spans, generator), _cut(length - noise, spans, generator)
        at = start
        for gap, size in zip(outside, inside, strict=True):
            hidden[at + gap : at + gap + size] = True
            at += gap + size
    return hidden


def _cut(total: int, parts: int, generator: np.random.Generator) -> list[int]:
    """`total` cut at random into `parts` whole numbers, none below 1."""
    cuts = np.sort(generator.choice(np.arange(1, total), size=parts - 1, replace=False))
    return np.diff([0, *cuts.tolist(), total]).tolist()


def corrupt(
    tokens: Sequence[int], hidden: Sequence[bool], sentinels: Sequence[int], end: int
) -> tuple[list[int], list[int], list[bool]]:
    """Input, target, and which target tokens were hidden text (the others are sentinels and the end)."""
    source: list[int] = []
    target: list[int] = []
    text: list[bool] = []
    span, inside = -1, False
    for token, hide in zip(tokens, hidden, strict=True):
        if hide:
            if not inside:
                span += 1
                source.append(sentinels[span])
                target.append(sentinels[span])
                text.append(False)
            target.append(token)
            text.append(True)
        else:
            source.append(token)
        inside = hide
    return [*source, end], [*target, end], [*text, False]


def rebuild(
    tokens: Sequence[int], hidden: Sequence[bool], mask: int, end: int
) -> tuple[list[int], list[int], list[bool]]:
    """As `corrupt` for text infilling: one `mask` for each span, the target is the whole text."""
    before = [False, *hidden[:-1]]
    marked = zip(tokens, hidden, before, strict=True)
    source = [mask if hide else token for token, hide, goes_on in marked if not (hide and goes_on)]
    return [*source, end], [*tokens, end], [*hidden, False]


def seq2seq_losses(
    model: Any,
    documents: TokenDocuments,
    hidden: NDArray[np.bool_],
    sentinels: Sequence[int],
    end: int,
    context: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda tokens: None,
    mask: int | None = None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Negative log-likelihood in nats (float64) and whether the best guess is right, one per hidden token.

    Args:
        model: a Hugging Face encoder-decoder in evaluation mode; it is given the target up to each token.
        documents: cut into pieces of `context` tokens.
        hidden: which tokens; each run of them becomes one sentinel.
        sentinels: their ids, in order.
        end: the id that ends a source and a target.
        context: tokens in a piece.
        batch_tokens: padded tokens in a batch.
        advance: told how many tokens each batch read.
        mask: the token that stands for every span of a model that learned text infilling; None for one
            that learned span corruption.
    """
    import torch

    work = [piece for piece in pieces(documents, context) if hidden[slice(*piece)].any()]
    tokens = documents.tokens.astype(np.int64)
    texts = [(tokens[a:b].tolist(), hidden[a:b].tolist()) for a, b in work]
    pairs = [corrupt(*text, sentinels, end) if mask is None else rebuild(*text, mask, end) for text in texts]
    losses = np.zeros(len(tokens))
    right = np.zeros(len(tokens), dtype=np.bool_)
    sizes = [len(source) + len(target) for source, target, _ in pairs]
    for rows in batches_by_length(sizes, batch_tokens):
        inputs = _padded([pairs[row][0] for row in rows], model.config.pad_token_id or 0)
        labels = _padded([pairs[row][1] for row in rows], -100)
        attended = _padded([[1] * len(pairs[row][0]) for row in rows], 0)
        with torch.inference_mode():
            logits = model(
                input_ids=torch.from_numpy(inputs),
                attention_mask=torch.from_numpy(attended),
                labels=torch.from_numpy(labels),
            ).logits
            nats = token_losses(logits, torch.from_numpy(labels)).double().numpy()
            best = logits.argmax(-1).numpy() == labels
        for line, row in enumerate(rows):
            start, stop = work[row]
            places = np.flatnonzero(hidden[start:stop]) + start
            text = np.flatnonzero(pairs[row][2])
            losses[places], right[places] = nats[line, text], best[line, text]
        advance(int(attended.sum()))
    return losses[hidden], right[hidden]


def _padded(rows: list[list[int]], filler: int) -> NDArray[np.int64]:
    out = np.full((len(rows), max(map(len, rows))), filler, dtype=np.int64)
    for line, row in enumerate(rows):
        out[line, : len(row)] = row
    return out
