"""The longest common subsequence by bit vectors: exact, and fast in plain Python.

One row of the dynamic programme is one integer, so a step costs as many machine words as the reference has
tokens over 64 (Hyyrö, Bit-parallel LCS-length computation revisited, AWOCA 2004).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def length(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """How many tokens the longest common subsequence of two sequences has."""
    rows = _rows(one, other)
    return len(other) - rows[-1].bit_count() if one and other else 0


def positions(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[int]:
    """The places in `one`, ascending, of a longest common subsequence with `other`.

    Where there are several, it is the one that rouge-score finds: walking back from the ends, a match is
    taken where there is one, and else the step in `other` comes first where it loses nothing less.
    """
    if not one or not other:
        return []
    rows = _rows(one, other)

    def table(i: int, j: int) -> int:
        """The length for the first `i` tokens of `one` and the first `j` of `other`."""
        return j - (rows[i] & ((1 << j) - 1)).bit_count()

    i, j, found = len(one), len(other), []
    while i and j:
        if one[i - 1] == other[j - 1]:
            found.append(i - 1)
            i, j = i - 1, j - 1
        elif table(i, j - 1) > table(i - 1, j):
            j -= 1
        else:
            i -= 1
    return found[::-1]


def _rows(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[int]:
    """Row i has a zero at each place of `other` where the length grows, for the first i tokens of `one`."""
    full = (1 << len(other)) - 1
    places: dict[Hashable, int] = {}
    for place, token in enumerate(other):
        places[token] = places.get(token, 0) | 1 << place
    row, rows = full, [full]
    for token in one:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & full
        rows.append(row)
    return rows
