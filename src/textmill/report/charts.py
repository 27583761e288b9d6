"""Charts as inline SVG. Colours are CSS classes, so that one drawing serves light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

WIDTH, HEIGHT = 420, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 38


@dataclass(frozen=True)
class Series:
    """A named line through points (x, y), drawn in the colour of a CSS class; few points get dots."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str = "c1"


def line_chart(series: Sequence[Series], x_label: str, y_label: str) -> Markup:
    """Lines over shared axes, with ticks at round numbers. Empty series are left out.

    The vertical axis spans the data and does not start at zero: losses are read by their shape.
    """
    drawn = [one for one in series if one.points]
    if not drawn:
        return Markup('<p class="missing">No points were recorded.</p>')
    xs = [x for one in drawn for x, _ in one.points]
    ys = [y for one in drawn for _, y in one.points]
    x_ticks, y_ticks = ticks(min(xs), max(xs), 5), ticks(min(ys), max(ys), 5)
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1e-9)
    y_low, y_high = min(min(ys), y_ticks[0]), max(max(ys), y_ticks[-1])
    y_high = max(y_high, y_low + 1e-9)

    def x_at(value: float) -> str:
        return _short(LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT))

    def y_at(value: float) -> str:
        return _short(HEIGHT - BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM))

    parts = []
    for tick in y_ticks:
        y = y_at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y}" dy="4" text-anchor="end">{_label(tick)}</text>'
        )
    for tick in x_ticks:
        x, below = x_at(tick), HEIGHT - BOTTOM + 16
        parts.append(f'<text class="tick" x="{x}" y="{below}" text-anchor="middle">{_label(tick)}</text>')
    parts.append(
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
    )
    parts.append(
        f'<text class="name" x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{escape(x_label)}</text>'
    )
    for one in drawn:
        places = [(x_at(x), y_at(y)) for x, y in one.points]
        path = " ".join(f"{x},{y}" for x, y in places)
        parts.append(f'<polyline class="line {one.colour}" points="{path}"/>')
        if len(one.points) <= 12:
            parts += [f'<circle class="dot {one.colour}" cx="{x}" cy="{y}" r="3"/>' for x, y in places]
    title = f"{y_label} by {x_label}: " + "; ".join(
        f"{one.name} from {one.points[0][1]:.3f} to {one.points[-1][1]:.3f}" for one in drawn
    )
    return Markup(
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between `low` and `high`, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / max(about - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)] or [low]


def thin(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points: neighbours are averaged, which keeps a curve's shape and takes its noise."""
    if len(points) <= most:
        return list(points)
    edges = [round(index * len(points) / most) for index in range(most + 1)]
    groups = [points[start:stop] for start, stop in pairwise(edges)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _label(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:g}k"
    return f"{value:g}"
