"""Answers out of contexts from a question answering model, however long the context is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer
from textmill.modeling.questions import Window, answer_text, best_answers, question_windows

ANSWER_TOKENS = 30
"""Longest answer of a model that does not say what it learned."""


def extract(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    max_input_tokens: int = 512,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[str]:
    """For each input, a question, a line end and a context, the best answer in it; empty for none.

    Args:
        directory: a Hugging Face question answering model; ``answer_threshold`` of its config says which
            score an answer must have, null or absent that there always is one.
        inputs: questions with contexts.
        max_input_tokens: longest window, unless the model learned on or can read a shorter one.
        batch_tokens: padded tokens in a batch.
        threads: CPU threads.
        advance: told how many rows are finished.

    Raises:
        UserError: the directory holds no such model.
    """
    tokenizer = load_tokenizer(directory)
    model = load_model(directory, "QuestionAnswering", threads)
    wanted = min(max_input_tokens, getattr(model.config, "window_tokens", max_input_tokens))
    found = question_windows(tokenizer, inputs, input_limit(model, tokenizer, wanted))
    scored = _scored(model, tokenizer, found, batch_tokens)
    best = best_answers(scored, len(inputs), getattr(model.config, "answer_tokens", ANSWER_TOKENS))
    threshold = getattr(model.config, "answer_threshold", None)
    advance(len(inputs))
    return [answer_text(text, *place, threshold) for text, place in zip(inputs, best, strict=True)]


def _scored(
    model: Any, tokenizer: Any, found: list[Window], batch_tokens: int
) -> Iterator[tuple[Window, Any, Any]]:
    import torch

    for chosen in batches_by_length([len(window.ids) for window in found], batch_tokens):
        batch = tokenizer.pad({"input_ids": [found[number].ids for number in chosen]}, return_tensors="pt")
        with torch.inference_mode():
            output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])
        starts, ends = output.start_logits.double().numpy(), output.end_logits.double().numpy()
        for number, start, end in zip(chosen, starts, ends, strict=True):
            yield found[number], start, end
