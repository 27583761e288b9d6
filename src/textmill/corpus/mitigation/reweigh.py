"""Weights that make groups equal: of documents by raking, of labelled rows as Kamiran and Calders do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from textmill.corpus.identity.lexicon import Lexicon
from textmill.errors import UserError

ROUNDS = 200
TOLERANCE = 1e-6

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def chosen_groups(lexicon: Lexicon, axes: Mapping[str, Sequence[str]], where: str) -> dict[str, list[int]]:
    """Per axis of the params, the indices of its groups in `lexicon`; groups it does not list are left out.

    Raises:
        UserError: no language has such an axis or group; `where` names the key.
    """
    from textmill.corpus.identity.lexicon import LANGUAGES, load_lexicon

    known: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for axis, group in load_lexicon(language).groups:
            known.setdefault(axis, set()).add(group)
    found: dict[str, list[int]] = {}
    for axis, groups in axes.items():
        if axis not in known:
            raise UserError(f"params.yaml: {where}.{axis}: unknown axis. Known: {', '.join(sorted(known))}.")
        for group in groups:
            if group not in known[axis]:
                raise UserError(
                    f"params.yaml: {where}.{axis}: unknown group {group!r}. Known: "
                    f"{', '.join(sorted(known[axis]))}."
                )
        members = lexicon.axes.get(axis, [])
        found[axis] = [index for index in members if not groups or lexicon.groups[index][1] in groups]
    return found


class Patterns:
    """Documents by which of some groups they name: as many numbers as there are combinations."""

    def __init__(self, groups: int):
        self.groups = groups
        self._known: dict[bytes, int] = {}

    def number(self, named: Bools) -> Ints:
        """The pattern of each document, from bool[documents, groups]: int64."""
        rows, inverse = np.unique(np.packbits(named, axis=1), axis=0, return_inverse=True)
        numbers = [self._known.setdefault(row.tobytes(), len(self._known)) for row in rows]
        return np.array(numbers, np.int64)[inverse.reshape(-1)]

    @property
    def named(self) -> Bools:
        """Which groups each pattern names: bool[patterns, groups]."""
        width = -(-self.groups // 8)
        packed = np.frombuffer(b"".join(self._known), np.uint8).reshape(len(self._known), width)
        return np.unpackbits(packed, axis=1, count=self.groups).astype(bool)


def raked(
    named: Bools, counts: Ints, axes: Sequence[Sequence[int]], max_weight: float, min_documents: int
) -> Floats:
    """A weight per pattern so that within each axis every group is named in equally many weighted documents.

    Iterative proportional fitting (Deming and Stephan 1940): the groups' totals are brought to the mean of
    their axis in turn, until they are, or until the bounds hold them back. Of all weights with such totals
    these are the nearest to one.

    Args:
        named: bool[patterns, groups]; counts: int64[patterns], documents of each.
        axes: the groups of each axis.
        max_weight: weights lie between its inverse and itself.
        min_documents: groups named in fewer are left as they are.
    """
    weights = np.ones(len(counts))
    margins = []
    for members in axes:
        totals = {group: float(counts[named[:, group]].sum()) for group in members}
        able = {group: total for group, total in totals.items() if total >= min_documents}
        if len(able) > 1:
            target = sum(able.values()) / len(able)
            margins += [(named[:, group], target) for group in able]
    for _ in range(ROUNDS):
        furthest = 0.0
        for member, target in margins:
            factor = target / float((weights * counts)[member].sum())
            furthest = max(furthest, abs(factor - 1))
            weights[member] = np.clip(weights[member] * factor, 1 / max_weight, max_weight)
        if furthest < TOLERANCE:
            break
    return weights


def reweighed(group: Ints, label: Ints, min_rows: int) -> Floats:
    """Weights of labelled rows under which label and group are independent: float64[rows], of mean one.

    P(group) P(label) / P(group, label), Kamiran and Calders 2012 (doi:10.1007/s10115-011-0463-8), section
    4.2. Groups of fewer than `min_rows` rows count as one group together.

    Args:
        group, label: int64[rows].
    """
    sizes = np.bincount(group)
    _, group = np.unique(np.where(sizes[group] < min_rows, -1, group), return_inverse=True)
    table = np.zeros((group.max() + 1, label.max() + 1))
    np.add.at(table, (group, label), 1.0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    weights = np.divide(expected, table, out=np.zeros_like(table), where=table > 0)[group, label]
    return np.asarray(weights / weights.mean())
