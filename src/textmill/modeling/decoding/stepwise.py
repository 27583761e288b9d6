"""One token after another, for rows that know nothing of each other: greedy and sampled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from textmill.modeling.decoding.largest import best, is_one_of
from textmill.modeling.decoding.sampling import draw, uniforms
from textmill.modeling.decoding.settings import Decoding


def write_on(
    run: Any, settings: Decoding, ends: tuple[int, ...], rows: Sequence[int]
) -> list[list[list[int]]]:
    """`settings.samples` outputs of each input, each with its end token if it has one.

    Finished rows are dropped from the batch as soon as they are a quarter of it.

    Args:
        run: a batch behind its prompts, such as `LlamaRun`.
        settings: how tokens are chosen.
        ends: tokens that end an output.
        rows: places of the inputs in the caller's list; they key what is drawn.
    """
    samples, logits = settings.samples, run.first
    items = len(logits) * samples
    numbers = None
    if settings.is_sampled:
        numbers = uniforms(settings, [row * samples + at for row in rows for at in range(samples)])
    if samples > 1:
        copies = torch.arange(len(logits)).repeat_interleave(samples)
        logits = logits.index_select(0, copies)
        run.select(copies)
    written = torch.full((settings.max_new_tokens, items), -1)
    live, finished = torch.arange(items), torch.zeros(items, dtype=torch.bool)
    for step in range(settings.max_new_tokens):
        tokens = best(logits) if numbers is None else draw(logits, settings, numbers[live, step])
        written[step].index_copy_(0, live, tokens)
        if ends:
            finished |= is_one_of(tokens, ends)
            if bool(finished.any()):
                if bool(finished.all()):
                    break
                if 4 * int(finished.sum()) >= len(finished):
                    going = (~finished).nonzero()[:, 0]
                    live, tokens, finished = live[going], tokens[going], finished[going]
                    run.select(going)
        if step + 1 < settings.max_new_tokens:
            logits = run.logits(tokens)
    sequences = [cut(row, ends) for row in written.t().tolist()]
    return [sequences[at : at + samples] for at in range(0, items, samples)]


def cut(row: list[int], ends: tuple[int, ...]) -> list[int]:
    """A row up to its first end token: what a finished row wrote while it was still in the batch is void."""
    for at, token in enumerate(row):
        if token < 0:
            return row[:at]
        if token in ends:
            return row[: at + 1]
    return row
