"""reports/corpus.json: what came in, what each rule dropped, and what was kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.corpus.selection.catalogue import Catalogue

Mask = npt.NDArray[np.bool_]


def funnel(catalogue: Catalogue, validation: Mask) -> dict[str, Any]:
    """The counts, overall, per source and per language.

    Returns:
        ``documents`` and ``characters`` (each ``in``, ``kept``, ``train``, ``validation``) and ``dropped``, a
        list in the order in which rules are tried (``rule``, ``stage``, ``documents``, ``characters`` and
        ``left``, the documents that remain). ``sources`` and ``languages`` hold the same by name.
    """
    everything = np.ones(len(catalogue), bool)
    return {
        **_counts(catalogue, validation, everything),
        "sources": {
            name: _counts(catalogue, validation, catalogue.source == number)
            for number, name in enumerate(catalogue.sources)
        },
        "languages": {
            name or "unknown": _counts(catalogue, validation, catalogue.lang == number)
            for number, name in enumerate(catalogue.langs)
        },
    }


def _counts(catalogue: Catalogue, validation: Mask, chosen: Mask) -> dict[str, Any]:
    parts = {
        "in": chosen,
        "kept": chosen & catalogue.kept,
        "train": chosen & catalogue.kept & ~validation,
        "validation": chosen & catalogue.kept & validation,
    }
    return {
        "documents": {name: int(part.sum()) for name, part in parts.items()},
        "characters": {name: int(catalogue.characters[part].sum()) for name, part in parts.items()},
        "dropped": dropped_by_rule(catalogue, chosen),
    }


def dropped_by_rule(catalogue: Catalogue, chosen: Mask) -> list[dict[str, Any]]:
    """What each rule dropped of the `chosen` documents, in order; rules that dropped none are left out."""
    rules: dict[tuple[str, str], Mask] = {}
    for number, verdict in enumerate(catalogue.verdicts):
        key = (verdict.rule, verdict.stage)
        rules[key] = rules.get(key, np.zeros(len(catalogue), bool)) | (catalogue.verdict == number)
    left = int(chosen.sum())
    rows = []
    for (rule, stage), mask in rules.items():
        mask = mask & chosen
        count = int(mask.sum())
        if not count:
            continue
        left -= count
        characters = int(catalogue.characters[mask].sum())
        rows.append(
            {"rule": rule, "stage": stage, "documents": count, "characters": characters, "left": left}
        )
    return rows
