"""reports/corpus.json: what came in, what each rule dropped, and what was kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from textmill.corpus.selection.catalogue import Catalogue

Mask = npt.NDArray[np.bool_]


def funnel(catalogue: Catalogue, validation: Mask | None = None) -> dict[str, Any]:
    """The counts, overall, per source and per language.

    Args:
        catalogue: all documents, decided.
        validation: which are held out; without it the counts of the splits are left out.

    Returns:
        ``documents`` and ``characters`` (each ``in``, ``kept``, ``train``, ``validation``) and ``dropped``, a
        list in the order in which rules are tried (``rule``, ``stage``, ``documents``, ``characters`` and
        ``left``, the documents that remain). ``sources`` and ``languages`` hold the same by name.
    """
    groups = {
        "": (np.zeros(len(catalogue), np.int64), [""]),
        "sources": (catalogue.source, catalogue.sources),
        "languages": (catalogue.lang, [name or "unknown" for name in catalogue.langs]),
    }
    tallies = {key: _tally(catalogue, validation, group, names) for key, (group, names) in groups.items()}
    return {**tallies[""][""], "sources": tallies["sources"], "languages": tallies["languages"]}


def dropped_by_rule(catalogue: Catalogue) -> list[dict[str, Any]]:
    """What each rule dropped, in order; rules that dropped none are left out."""
    return _tally(catalogue, None, np.zeros(len(catalogue), np.int64), [""])[""]["dropped"]


def _tally(
    catalogue: Catalogue, validation: Mask | None, group: npt.NDArray[np.int64], names: list[str]
) -> dict[str, dict[str, Any]]:
    """The counts of each group of documents by its name."""
    rules = list(dict.fromkeys((verdict.rule, verdict.stage) for verdict in catalogue.verdicts))
    of_verdict = [rules.index((verdict.rule, verdict.stage)) for verdict in catalogue.verdicts]
    # Kept documents are in column 0, and those of validation in the last.
    fate = np.array([*(number + 1 for number in of_verdict), 0], np.int64)[catalogue.verdict]
    if validation is not None:
        fate[validation] = len(rules) + 1
    width = len(rules) + 2
    cells = group * width + fate
    shape = (len(names), width)
    documents = np.bincount(cells, minlength=shape[0] * width).reshape(shape)
    # Sums of float64 are exact below 2**53 characters.
    characters = np.bincount(cells, catalogue.characters, shape[0] * width).reshape(shape).astype(np.int64)
    return {
        name: {
            "documents": _parts(documents[number], validation is not None),
            "characters": _parts(characters[number], validation is not None),
            "dropped": _rows(rules, documents[number].tolist(), characters[number].tolist()),
        }
        for number, name in enumerate(names)
    }


def _parts(counts: npt.NDArray[np.int64], split: bool) -> dict[str, int]:
    train, validation = int(counts[0]), int(counts[-1])
    parts = {"in": int(counts.sum()), "kept": train + validation}
    return {**parts, "train": train, "validation": validation} if split else parts


def _rows(rules: list[tuple[str, str]], documents: list[int], characters: list[int]) -> list[dict[str, Any]]:
    left = sum(documents)
    rows = []
    for (rule, stage), count, length in zip(rules, documents[1:], characters[1:], strict=False):
        left -= count
        row = {"rule": rule, "stage": stage, "documents": count, "characters": length, "left": left}
        rows += [row] if count else []
    return rows
