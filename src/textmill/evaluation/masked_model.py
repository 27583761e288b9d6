"""Losses of an encoder at hidden tokens: the same tokens are hidden for every model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.metrics.metric import Floats, Metric
from textmill.evaluation.token_documents import TokenDocuments, pieces


def hidden_positions(
    documents: TokenDocuments, boundary: int, fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Which tokens are hidden: each with probability `fraction`, the ends of documents never."""
    drawn = np.random.default_rng(seed).random(len(documents.tokens)) < fraction
    return drawn & (documents.tokens != boundary)


def encoder_losses(
    model: Any,
    documents: TokenDocuments,
    hidden: NDArray[np.bool_],
    mask: int,
    frame: tuple[list[int], list[int]],
    context: int,
    batch_tokens: int,
    advance: Callable[[int], None] = lambda tokens: None,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Negative log-likelihood in nats (float64) and whether the best guess is right, one per hidden token.

    Args:
        model: a Hugging Face masked language model in evaluation mode.
        documents: cut into pieces of `context` tokens that do not overlap.
        hidden: replaced by the token `mask`, all of them.
        mask: id of the mask token.
        frame: ids that the model's tokenizer puts before and after a text.
        context: tokens in a piece, its frame not counted.
        batch_tokens: padded tokens in a batch.
        advance: told how many tokens each batch read.
    """
    import torch

    before, after = frame
    work = [piece for piece in pieces(documents, context) if hidden[slice(*piece)].any()]
    losses = np.zeros(len(documents.tokens))
    right = np.zeros(len(documents.tokens), dtype=np.bool_)
    for rows in batches_by_length([end - start for start, end in work], batch_tokens):
        width = max(work[row][1] - work[row][0] for row in rows) + len(before) + len(after)
        inputs = np.full((len(rows), width), model.config.pad_token_id or 0, dtype=np.int64)
        attended = np.zeros((len(rows), width), dtype=np.int64)
        lines, columns, places = [], [], []
        for line, row in enumerate(rows):
            start, end = work[row]
            text = np.where(hidden[start:end], mask, documents.tokens[start:end])
            framed = [*before, *text, *after]
            inputs[line, : len(framed)] = framed
            attended[line, : len(framed)] = 1
            found = np.flatnonzero(hidden[start:end])
            lines += [line] * len(found)
            columns += (found + len(before)).tolist()
            places += (found + start).tolist()
        targets = torch.from_numpy(documents.tokens[places].astype(np.int64))
        with torch.inference_mode():
            logits = logits_at(model, torch.from_numpy(inputs), torch.from_numpy(attended), lines, columns)
            losses[places] = torch.nn.functional.cross_entropy(
                logits.float(), targets, reduction="none"
            ).double()
            right[places] = (logits.argmax(-1) == targets).numpy()
        advance(int(attended.sum()))
    return losses[hidden], right[hidden]


def logits_at(model: Any, inputs: Any, attended: Any, lines: Sequence[int], columns: Sequence[int]) -> Any:
    """Logits at some places of a batch only, shape (places, vocabulary).

    The head of a masked language model works on each place alone and costs as much as several layers, so
    what the model's body found elsewhere is dropped before the head sees it.
    """

    def keep(module: Any, given: Any, found: Any) -> Any:
        found["last_hidden_state"] = found["last_hidden_state"][lines, columns][None]
        return found

    hook = model.base_model.register_forward_hook(keep)
    try:
        return model(input_ids=inputs, attention_mask=attended).logits[0]
    finally:
        hook.remove()


def masked_model_metrics() -> list[Metric]:
    """Loss (nats per hidden token), perplexity and accuracy (0 to 1), from sums of (nats, right, hidden)."""

    def given(predictions: Any, targets: Any) -> Floats:
        return np.asarray(predictions, dtype=np.float64)

    return [
        Metric("loss", given, lambda sums: sums[..., 0] / sums[..., 2], "lower"),
        Metric("perplexity", given, lambda sums: np.exp(sums[..., 0] / sums[..., 2]), "lower"),
        Metric("accuracy", given, lambda sums: sums[..., 1] / sums[..., 2], "higher"),
    ]
