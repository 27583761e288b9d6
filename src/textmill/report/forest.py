"""Estimates with intervals on a shared scale, as percentages of the width they are drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Whisker:
    """Where a row's interval and its point stand, in percent of the width; `zero` is None when it is not shown."""

    left: float
    width: float
    dot: float
    zero: float | None


def whiskers(rows: Sequence[tuple[float, float, float]], show_zero: bool = False) -> list[Whisker]:
    """Place (value, low, high) rows on one scale that holds them all, and zero if it is asked for."""
    if not rows:
        return []
    ends = [end for row in rows for end in row] + ([0.0] if show_zero else [])
    low, high = min(ends), max(ends)
    margin = (high - low) * 0.04 or 1.0
    low, span = low - margin, high - low + 2 * margin

    def at(value: float) -> float:
        return round(100 * (value - low) / span, 2)

    zero = at(0.0) if show_zero else None
    return [Whisker(at(row[1]), round(at(row[2]) - at(row[1]), 2), at(row[0]), zero) for row in rows]
