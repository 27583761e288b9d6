"""Sets of labels from a multi-label classifier, in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer
from textmill.modeling.targets import write_labels
from textmill.modeling.thresholds import USUAL


def label_sets(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    max_input_tokens: int = 512,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[str]:
    """For each input the labels whose probability reaches their threshold, as a target of `modeling.targets`.

    Args:
        directory: a Hugging Face sequence classifier; thresholds are those of its config, else 0.5.
        inputs: texts; cut to `max_input_tokens`, or to what the model can read.
        batch_tokens: padded tokens in a batch.
        threads: CPU threads.
        advance: told how many rows each batch finished.

    Raises:
        UserError: the directory holds no such model.
    """
    import torch

    tokenizer = load_tokenizer(directory)
    model = load_model(directory, "SequenceClassification", threads)
    names = [model.config.id2label[number] for number in range(model.config.num_labels)]
    tuned = getattr(model.config, "thresholds", None) or {}
    thresholds = torch.tensor([tuned.get(name, USUAL) for name in names], dtype=torch.float64)
    limit = input_limit(model, tokenizer, max_input_tokens)
    encoded = tokenizer(list(inputs), truncation=True, max_length=limit, return_token_type_ids=False)
    found = [""] * len(inputs)
    for rows in batches_by_length([len(ids) for ids in encoded["input_ids"]], batch_tokens):
        features = {key: [values[row] for row in rows] for key, values in encoded.items()}
        batch = tokenizer.pad(features, return_tensors="pt")
        with torch.inference_mode():
            given = (model(**batch).logits.sigmoid().double() >= thresholds).tolist()
        for row, flags in zip(rows, given, strict=True):
            found[row] = write_labels(name for name, flag in zip(names, flags, strict=True) if flag)
        advance(len(rows))
    return found
