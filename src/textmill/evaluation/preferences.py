"""Which of two answers a decoder finds likelier."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

from textmill.evaluation.replies import reply_losses
from textmill.modeling.conversations import read_pair

CHOSEN, REJECTED = "chosen", "rejected"


def likelier(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    targets: Sequence[str],
    max_input_tokens: int = 512,
    max_new_tokens: int = 64,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[str]:
    """``chosen`` or ``rejected`` for each row: the answer with the higher log-probability per token.

    Args:
        directory: a decoder with its tokenizer.
        inputs: prompts.
        targets: pairs of answers as `textmill.modeling.conversations.write_pair` writes them.
        max_input_tokens, max_new_tokens, batch_tokens, threads: as of `reply_losses`.
        advance: told twice of each row.

    Raises:
        UserError: the directory holds no decoder.
    """
    means = []
    for answers in zip(*map(read_pair, targets), strict=True):
        losses = reply_losses(
            directory, inputs, answers, max_input_tokens, max_new_tokens, batch_tokens, threads, advance
        )
        means.append(losses[:, 0] / losses[:, 1])
    return np.where(means[0] < means[1], CHOSEN, REJECTED).tolist()


def longer(targets: Sequence[str]) -> list[str]:
    """A baseline: the longer answer is taken for the better."""
    pairs = map(read_pair, targets)
    return [CHOSEN if len(chosen) > len(rejected) else REJECTED for chosen, rejected in pairs]
