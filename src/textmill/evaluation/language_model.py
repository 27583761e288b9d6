"""Losses of a decoder on documents: each token once, in windows that slide over long documents.

A document's first token is predicted from the end-of-document token, as in packed training. In a document
longer than the window, the window moves on by `stride` tokens; only tokens not yet predicted are counted,
and each of them sees at least ``context - stride`` tokens before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.metrics.metric import Floats, Metric
from textmill.evaluation.token_documents import TokenDocuments


def windows(length: int, context: int, stride: int) -> list[tuple[int, int, int]]:
    """The windows of a document of `length` tokens: (first input, end, first token that counts)."""
    found, counted, start = [], 0, 0
    while counted < length:
        end = min(start + context, length)
        found.append((start, end, counted))
        counted = end
        start = max(start + stride, 0)
    return found


def decoder_losses(
    model: Any,
    documents: TokenDocuments,
    boundary: int,
    context: int,
    stride: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda tokens: None,
) -> Floats:
    """Negative log-likelihood of each document in nats: float64, shape (documents,).

    Args:
        model: a Hugging Face causal language model in evaluation mode.
        documents: each ends with the boundary token, which is predicted too.
        boundary: the token before a document's first one.
        context: inputs in a window at most.
        stride: how far a window moves on, at most `context`.
        batch_tokens: padded tokens in a batch.
        advance: told how many tokens each batch predicted.
    """
    import torch

    stride = min(stride, context)
    work = [
        (place, *window)
        for place, length in enumerate(documents.lengths.tolist())
        for window in windows(length, context, stride)
    ]
    starts = documents.starts.astype(np.int64)
    losses = np.zeros(len(documents))
    for rows in batches_by_length([end - start for _, start, end, _ in work], batch_tokens):
        width = max(work[row][2] - work[row][1] for row in rows)
        inputs = np.full((len(rows), width), boundary, dtype=np.int64)
        targets = np.full((len(rows), width), -100, dtype=np.int64)
        for line, row in enumerate(rows):
            place, start, end, counted = work[row]
            text = documents.tokens[starts[place] : starts[place] + end]
            inputs[line, : end - start] = text[start - 1 : end - 1] if start else [boundary, *text[: end - 1]]
            targets[line, counted - start : end - start] = text[counted:end]
        with torch.inference_mode():
            found = token_losses(model(input_ids=torch.from_numpy(inputs)).logits, torch.from_numpy(targets))
        sums = found.sum(dim=1).double().numpy()
        np.add.at(losses, [work[row][0] for row in rows], sums)
        advance(int((targets >= 0).sum()))
    return losses


def token_losses(logits: Any, targets: Any) -> Any:
    """Cross-entropy in nats, shape (rows, width), 0 where the target is -100."""
    import torch

    flat = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(), targets.reshape(-1), ignore_index=-100, reduction="none"
    )
    return flat.reshape(targets.shape)


def language_model_metrics() -> list[Metric]:
    """Loss (nats per token), perplexity and bits per byte, from sums of (nats, tokens, bytes)."""

    def given(predictions: Any, targets: Any) -> Floats:
        return np.asarray(predictions, dtype=np.float64)

    return [
        Metric("loss", given, lambda sums: sums[..., 0] / sums[..., 1], "lower"),
        Metric("perplexity", given, lambda sums: np.exp(sums[..., 0] / sums[..., 1]), "lower"),
        Metric("bits_per_byte", given, lambda sums: sums[..., 0] / np.log(2) / sums[..., 2], "lower"),
    ]


def document_sums(values: NDArray[Any], documents: TokenDocuments) -> Floats:
    """Sums of a value per token over each document: float64, shape (documents,)."""
    return np.add.reduceat(values.astype(np.float64), documents.starts[:-1].astype(np.int64))
