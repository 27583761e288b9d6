"""Figures of parts of the test rows are those of a test set made of that part."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.evaluation.metrics.classification import accuracy
from textmill.evaluation.slices import length_parts, slice_table


def test_a_part_has_the_figures_of_its_rows_and_small_parts_are_left_out():
    targets = ["yes"] * 40 + ["no"] * 40
    predictions = ["yes"] * 75 + ["no"] * 5
    sources = ["web"] * 78 + ["book"] * 2
    metric = accuracy()
    statistics = {"model": [metric.statistics(predictions, targets)]}
    columns = {"label": targets, "source": sources, "language": ["en"] * 80}
    rows = slice_table(columns, [metric], statistics, 1000, 7, fewest=10)
    found = {(row["by"], row["part"]): row for row in rows}
    assert list(found) == [("label", "yes"), ("label", "no"), ("source", "web")]
    assert found["label", "yes"]["models"]["model"]["accuracy"]["value"] == 1.0
    wrong = found["label", "no"]["models"]["model"]["accuracy"]
    assert wrong["value"] == 0.125 and wrong["low"] < 0.125 < wrong["high"]
    assert found["source", "web"]["n"] == 78


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_lengths_are_parted_in_order_and_equal_lengths_stay_together(lengths):
    parts = length_parts(["word " * count for count in lengths])
    assert 1 <= len(set(parts)) <= 4
    bounds = {part: tuple(map(int, part.removesuffix(" words").split("-"))) for part in parts}
    assert all(
        bounds[part][0] <= count <= bounds[part][1] for part, count in zip(parts, lengths, strict=True)
    )
    ordered = sorted(set(bounds.values()))
    assert all(low[1] < high[0] for low, high in pairwise(ordered))


def test_a_chinese_length_counts_characters():
    texts = ["字" * count for count in range(1, 9)]
    assert length_parts(texts)[0].startswith("1-") and length_parts(texts)[-1].endswith("-8 words")
    with pytest.raises(IndexError):
        length_parts([])
