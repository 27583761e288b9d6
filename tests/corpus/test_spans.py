"""Spans: joining and cutting against a mask of characters."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.corpus.spans import cut, merged

SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(0, 8)), max_size=25)


@given(SPANS, st.text("磨坊 mill🌾\n", min_size=38, max_size=60))
def test_cutting_joined_spans_removes_exactly_the_characters_in_any_span(spans, text):
    document, start, length = (np.array([span[i] for span in spans], np.int64) for i in range(3))
    covered = defaultdict(set)
    for number, first, size in spans:
        covered[number].update(range(first, first + size))
    found = merged(document, start, start + length)
    assert (np.diff(found[0]) >= 0).all()
    for number in range(4):
        chosen = found[0] == number
        expected = "".join(letter for place, letter in enumerate(text) if place not in covered[number])
        assert cut(text, found[1][chosen], found[2][chosen]) == expected
        # Joined means that a character is left between any two.
        assert (found[1][chosen][1:] > found[2][chosen][:-1]).all()


@pytest.mark.parametrize("spans", [[(2, 9)], [(0, 3), (2, 4)], [(-1, 2)]])
def test_spans_outside_the_text_or_out_of_order_are_refused(spans):
    with pytest.raises(IndexError, match="expected ordered spans"):
        cut("mill 磨", np.array([span[0] for span in spans]), np.array([span[1] for span in spans]))
