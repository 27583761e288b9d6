"""Tags for every unit of a text from a token classifier, however long the text is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer
from textmill.modeling.framing import frame, unit_tokens, windows

OVERLAP = 0.5
"""Part of a window that the next one begins with, so that a unit has context on both sides in one of them."""


class _Window(NamedTuple):
    row: int
    start: int
    ids: list[int]
    places: list[int]


def tag(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    max_input_tokens: int = 512,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[str]:
    """For each input the most probable tag of each unit, separated by spaces.

    A text longer than what the model learned to read is read in windows; a unit's tag is from the window in
    which it is farthest from an edge.

    Args:
        directory: a Hugging Face token classifier.
        inputs: texts.
        max_input_tokens: longest window, unless the model learned on or can read a shorter one.
        batch_tokens: padded tokens in a batch.
        threads: CPU threads.
        advance: told how many rows are finished.

    Raises:
        UserError: the directory holds no such model.
    """
    import torch

    tokenizer = load_tokenizer(directory)
    model = load_model(directory, "TokenClassification", threads)
    wanted = min(max_input_tokens, getattr(model.config, "window_tokens", max_input_tokens))
    longest = input_limit(model, tokenizer, wanted)
    encoded = unit_tokens(tokenizer, inputs)
    cut = _cut(tokenizer, encoded, longest)
    tags = [[""] * len(tokens) for tokens in encoded]
    depths = [[-1] * len(tokens) for tokens in encoded]
    for chosen in batches_by_length([len(window.ids) for window in cut], batch_tokens):
        batch = tokenizer.pad({"input_ids": [cut[number].ids for number in chosen]}, return_tensors="pt")
        with torch.inference_mode():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        for number, best in zip(chosen, logits.argmax(-1).tolist(), strict=True):
            window = cut[number]
            for at, place in enumerate(window.places):
                depth = min(at, len(window.places) - 1 - at)
                if depth > depths[window.row][window.start + at]:
                    depths[window.row][window.start + at] = depth
                    tags[window.row][window.start + at] = model.config.id2label[best[place]]
    advance(len(inputs))
    return [" ".join(found) for found in tags]


def _cut(tokenizer: object, encoded: Sequence[list[list[int]]], longest: int) -> list[_Window]:
    before, after = frame(tokenizer)
    room = max(1, longest - len(before) - len(after))
    cut = []
    for row, tokens in enumerate(encoded):
        for start, end in windows([len(ids) for ids in tokens], room, int(room * OVERLAP)):
            ids, places = list(before), []
            for unit in tokens[start:end]:
                places.append(len(ids))
                ids += unit[:room]
            cut.append(_Window(row, start, [*ids, *after], places))
    return cut
