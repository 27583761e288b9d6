"""Association on word vectors before and after a mitigation: two trainings on the same sample."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textmill.config.embeddings import Embeddings
from textmill.errors import UserError
from textmill.evaluation.bias.embedding_tests import documents_of, embedding_report
from textmill.tokenization.mixing import Mixing

_SHOWN = ("effect", "p")


def before_and_after(
    train: str | os.PathLike[str],
    mitigation: str | os.PathLike[str],
    settings: Embeddings,
    seed: int,
    say: Callable[[str], None] = lambda text: None,
) -> list[dict[str, Any]]:
    """One row per association test, with effect size and p `before` and `after`.

    After is what the stage tokenize makes of weights and copies: documents repeated and left out by the
        hash of their ids, and the copies among them.

    Raises:
        UserError: the params name no method.
    """
    if not settings.methods:
        raise UserError(
            "params.yaml: mitigate.word_vectors: expected a method in embeddings.methods to train with, "
            "found none."
        )
    folder = Path(mitigation)
    mixing = Mixing(seed, weights=folder / "weights.parquet")
    augmented = [folder / "augmented"] if any((folder / "augmented").glob("part-*.parquet")) else []
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    for when, documents in (
        ("before", documents_of([train], settings, seed)),
        ("after", documents_of([train, *augmented], settings, seed, mixing.copies)),
    ):
        for row in embedding_report(documents, settings, seed, say=say)["tests"]:
            label = {key: row[key] for key in ("language", "method", "axis", "name")}
            held = rows.setdefault(tuple(label.values()), {**label, "before": None, "after": None})
            held[when] = {key: row[key] for key in _SHOWN}
    return list(rows.values())
