"""Estimates with intervals on a shared scale, as percentages of the width they are drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Whisker:
    """Where a row's interval and point stand, and the reference (`mark`) if any, in percent of the width."""

    left: float
    width: float
    dot: float
    mark: float | None


def whiskers(rows: Sequence[tuple[float, float, float]], reference: float | None = None) -> list[Whisker]:
    """Place (value, low, high) rows on one scale that holds them all, and the reference if there is one."""
    if not rows:
        return []
    ends = [end for row in rows for end in row] + ([reference] if reference is not None else [])
    low, high = min(ends), max(ends)
    margin = (high - low) * 0.04 or 1.0
    low, span = low - margin, high - low + 2 * margin

    def at(value: float) -> float:
        return round(100 * (value - low) / span, 2)

    mark = at(reference) if reference is not None else None
    return [Whisker(at(row[1]), round(at(row[2]) - at(row[1]), 2), at(row[0]), mark) for row in rows]
