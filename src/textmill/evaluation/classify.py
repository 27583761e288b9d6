"""Labels from a sequence classifier, in batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.loading import input_limit, load_model, load_tokenizer


def classify(
    directory: str | os.PathLike[str],
    inputs: Sequence[str],
    max_input_tokens: int = 512,
    batch_tokens: int = 4096,
    threads: int = 1,
    advance: Callable[[int], None] = lambda rows: None,
) -> list[str]:
    """The most probable label's name for each input.

    Args:
        directory: a Hugging Face sequence classifier with ``id2label`` and its tokenizer.
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
    limit = input_limit(model, tokenizer, max_input_tokens)
    encoded = tokenizer(list(inputs), truncation=True, max_length=limit)
    labels = [""] * len(inputs)
    for rows in batches_by_length([len(ids) for ids in encoded["input_ids"]], batch_tokens):
        features = {key: [values[row] for row in rows] for key, values in encoded.items()}
        batch = tokenizer.pad(features, return_tensors="pt")
        with torch.inference_mode():
            best = model(**batch).logits.argmax(-1).tolist()
        for row, label in zip(rows, best, strict=True):
            labels[row] = model.config.id2label[label]
        advance(len(rows))
    return labels
