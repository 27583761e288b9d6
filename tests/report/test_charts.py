"""Charts, scales and figures."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.report.charts import HEIGHT, WIDTH, Series, line_chart, thin, ticks
from textmill.report.figures import count, interval, number, p_value
from textmill.report.forest import whiskers

FINITE = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))


@given(st.lists(st.tuples(st.integers(0, 10**6).map(float), FINITE), min_size=1, max_size=50))
def test_points_stay_inside_the_chart(points):
    svg = line_chart([Series("training", sorted(points))], "step", "loss")
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", re.search(r'points="([^"]*)"', svg)[1]):
        assert 0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT


def test_lower_losses_are_drawn_lower():
    svg = line_chart([Series("training", [(0, 5.0), (1, 2.0)])], "step", "loss")
    (_, first), (_, last) = re.findall(r"([\d.]+),([\d.]+)", re.search(r'points="([^"]*)"', svg)[1])
    assert float(first) < float(last)


def test_labels_are_escaped_and_an_empty_chart_says_so():
    assert "<b>" not in line_chart([Series("<b>", [(0, 1), (1, 2)])], "<b>", "<b>")
    assert "No points" in line_chart([Series("training", [])], "step", "loss")


@given(FINITE, st.floats(1e-3, 1e6))
def test_ticks_are_round_even_and_inside(low, span):
    found = ticks(low, low + span, 5)
    assert 1 <= len(found) <= 8
    assert all(low - span * 1e-6 <= tick <= low + span * (1 + 1e-6) for tick in found)
    steps = [b - a for a, b in pairwise(found)]
    assert steps == pytest.approx([steps[0]] * len(steps) if steps else [], rel=1e-6, abs=span * 1e-6)


@given(st.lists(st.tuples(FINITE, FINITE), max_size=300), st.integers(10, 50))
def test_thinned_curves_keep_their_end_and_range(points, most):
    found = thin(points, most)
    assert len(found) == min(len(points), most)
    if points:
        assert found[-1][0] == points[-1][0]
        low, high = min(y for _, y in points), max(y for _, y in points)
        assert all(low - 1e-6 <= y <= high + 1e-6 for _, y in found)


@given(st.lists(st.tuples(FINITE, st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=8))
def test_whiskers_share_one_scale(rows):
    found = whiskers([(value, value - below, value + above) for value, below, above in rows], reference=0.0)
    for (value, _, _), place in zip(rows, found, strict=True):
        assert 0 <= place.left <= place.left + place.width <= 100.01
        assert place.left - 0.02 <= place.dot <= place.left + place.width + 0.02
        if abs(value) > 1:
            assert (place.dot > place.mark - 0.02) if value > 0 else (place.dot < place.mark + 0.02)


def test_figures_as_people_read_them():
    assert [count(n) for n in (None, 999, 12345, 2_500_000)] == ["–", "999", "12,345", "2.5 M"]
    assert [number(v) for v in (0.12345, 31.26, 0.0004, 8192, 41234.7)] == [
        "0.123",
        "31.26",
        "0.0004",
        "8,192",
        "41,235",
    ]
    assert number(1.5, signed=True, digits=1) == "+1.5"
    assert interval(1.0, None) == "" and interval(-1.0, 2.0, True, 1) == "[-1.0, +2.0]"
    assert p_value(0.0002) == "< 0.001" and p_value(0.0312) == "0.031"
