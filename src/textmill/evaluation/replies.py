"""How likely a decoder finds the replies that people gave."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.language_model import token_losses
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer
from textmill.evaluation.metrics.metric import Floats, Metric
from textmill.modeling.prompts import prompt, with_template


def reply_losses(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    targets: Sequence[str],
    max_input_tokens: int = 512,
    max_new_tokens: int = 64,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> Floats:
    """Negative log-likelihood of each reply in nats and its number of tokens: float64 (rows, 2).

    Args:
        directory: a decoder with its tokenizer; one without a chat template is given that of this project.
        inputs: conversations or texts, cut as `textmill.evaluation.generation` cuts them.
        targets: the replies, whose end is to be predicted too; cut to `max_new_tokens`.

    Raises:
        UserError: the directory holds no decoder.
    """
    import torch

    tokenizer = with_template(load_tokenizer(directory))
    model = load_model(directory, "CausalLM", threads)
    room = min(max_input_tokens, input_limit(model, tokenizer, 1 << 30) - max_new_tokens)
    asked = [prompt(tokenizer, text, max(room, 1)) for text in inputs]
    answers = tokenizer(
        list(targets), add_special_tokens=False, truncation=True, max_length=max_new_tokens - 1
    )["input_ids"]
    said = [[*ids, tokenizer.eos_token_id] for ids in answers]
    found = np.zeros((len(inputs), 2))
    for rows in batches_by_length([len(asked[n]) + len(said[n]) for n in range(len(said))], batch_tokens):
        width = max(len(asked[row]) + len(said[row]) for row in rows)
        ids = np.zeros((len(rows), width), np.int64)
        labels = np.full((len(rows), width), -100, np.int64)
        for line, row in enumerate(rows):
            start, end = len(asked[row]), len(asked[row]) + len(said[row])
            ids[line, :end] = [*asked[row], *said[row]]
            labels[line, start:end] = said[row]
        with torch.inference_mode():
            # Padding is on the right, where no token that counts sees it.
            logits = model(input_ids=torch.from_numpy(ids)).logits[:, :-1]
            nats = token_losses(logits, torch.from_numpy(labels[:, 1:])).sum(dim=1)
        found[rows, 0] = nats.double().numpy()
        found[rows, 1] = (labels >= 0).sum(axis=1)
        advance(len(rows))
    return found


def unigram_losses(
    directory: str | os.PathLike[str], train: Sequence[str], targets: Sequence[str], max_new_tokens: int = 64
) -> Floats:
    """As `reply_losses`, by the tokens' frequencies in the training replies, each counted once more."""
    tokenizer = load_tokenizer(directory)

    def encoded(texts: Sequence[str]) -> list[list[int]]:
        found = tokenizer(
            list(texts), add_special_tokens=False, truncation=True, max_length=max_new_tokens - 1
        )
        return [[*ids, tokenizer.eos_token_id] for ids in found["input_ids"]]

    counts = np.ones(len(tokenizer))
    np.add.at(counts, [token for ids in encoded(train) for token in ids], 1.0)
    nats = np.log(counts.sum()) - np.log(counts)
    return np.array([[nats[ids].sum(), len(ids)] for ids in encoded(targets)])


def reply_metrics() -> list[Metric]:
    """Perplexity per token of the replies, from sums of (nats, tokens)."""

    def given(predictions: Any, targets: Any) -> Floats:
        return np.asarray(predictions, dtype=np.float64)

    return [Metric("perplexity", given, lambda sums: np.exp(sums[..., 0] / sums[..., 1]), "lower")]
