"""The most frequent tag of each word in training: the floor of sequence labelling."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from textmill.modeling.baselines import Rows
from textmill.modeling.targets import units


def predict(train: Rows, validation: Rows, inputs: Sequence[str]) -> list[str]:
    """For each unit the tag that it has most often in training; an unknown one gets that of rare units.

    Rare are the units that occur once; among equally frequent tags the first in sort order is taken.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for text, target in zip(train.inputs, train.targets, strict=True):
        for unit, tag in zip(_words(text), target.split(), strict=True):
            counts[unit][tag] += 1
    rare: Counter[str] = Counter()
    for found in counts.values():
        if found.total() == 1:
            rare.update(found)
    every = sum(counts.values(), Counter())
    unknown = _best(rare or every)
    best = {unit: _best(found) for unit, found in counts.items()}
    return [" ".join(best.get(unit, unknown) for unit in _words(text)) for text in inputs]


def _words(text: str) -> list[str]:
    return [text[begin:end] for begin, end in units(text)]


def _best(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))
