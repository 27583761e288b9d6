"""Exercises lose nothing: a corrupted window and its target hold the window, whatever was drawn."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textmill.training.corruption import corrupt_spans, framed, hide_tokens, infill_spans, mask_tokens
from textmill.training.randomness import generator

windows = st.tuples(st.integers(1, 5), st.integers(4, 60), st.integers(0, 2**31)).map(
    lambda drawn: np.random.default_rng(drawn[2]).integers(38, 300, drawn[:2])
)


def refilled(inputs: list[int], targets: list[int]) -> list[int]:
    """Put each span of the target where its mark stands in the input."""
    spans: dict[int, list[int]] = {}
    for token in targets[:-1]:
        if 6 <= token < 38:
            current = spans.setdefault(token, [])
        else:
            current.append(token)
    return [part for token in inputs[:-1] for part in spans.get(token, [token])]


@given(ids=windows, density=st.floats(0.05, 0.6), span=st.floats(1, 6), seed=st.integers(0, 1000))
def test_spans_put_back_give_the_window(ids, density, span, seed) -> None:
    inputs, targets = corrupt_spans(ids, generator(seed), density, span)
    for row, given_ids, wanted in zip(ids, inputs, targets, strict=True):
        assert given_ids[-1] == wanted[-1] == 2
        assert refilled(given_ids.tolist(), wanted.tolist()) == row.tolist()
    missing = targets.shape[1] - 1 - np.sum((targets[0] >= 6) & (targets[0] < 38))
    assert missing == min(max(1, round(ids.shape[1] * density)), ids.shape[1] - 1)


@given(ids=windows, rate=st.floats(0.01, 0.9), seed=st.integers(0, 1000))
def test_labels_are_the_window_where_they_count(ids, rate, seed) -> None:
    inputs, labels = mask_tokens(framed(ids), generator(seed), rate, 300)
    counted = labels != -100
    assert np.array_equal(labels[counted], framed(ids)[counted])
    assert np.array_equal(inputs[~counted], framed(ids)[~counted])
    assert not counted[:, 0].any() and not counted[:, -1].any()


def test_masked_shares_are_those_of_bert() -> None:
    ids = np.random.default_rng(0).integers(38, 4096, (200, 256))
    inputs, labels = mask_tokens(ids, generator(1), 0.25, 4096)
    counted = labels != -100
    assert abs(counted.mean() - 0.25) < 0.01
    assert abs((inputs[counted] == 4).mean() - 0.8) < 0.01
    assert abs((inputs[counted] == ids[counted]).mean() - 0.1) < 0.01


def test_equal_seeds_draw_equal_exercises_and_other_steps_draw_others() -> None:
    ids = np.random.default_rng(0).integers(38, 300, (4, 64))
    first, again, other = (corrupt_spans(ids, generator(3, 2, step), 0.2, 3)[0] for step in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@given(ids=windows, rate=st.floats(0.1, 0.9), seed=st.integers(0, 1000))
def test_the_whole_window_is_asked_for_whatever_is_hidden(ids, rate, seed) -> None:
    inputs, targets = hide_tokens(ids, generator(seed), rate)
    assert np.array_equal(targets[:, :-1], ids)
    assert (inputs[:, -1] == 2).all() and (targets[:, -1] == 2).all()
    hidden = inputs[:, :-1] == 4
    assert np.array_equal(inputs[:, :-1][~hidden], ids[~hidden])


@given(ids=windows, density=st.floats(0.05, 0.6), span=st.floats(0.5, 6), seed=st.integers(0, 1000))
def test_a_mask_stands_for_each_missing_span(ids, density, span, seed) -> None:
    import re

    inputs, attention, targets = infill_spans(ids, generator(seed), density, span)
    missing = min(max(1, round(ids.shape[1] * density)), ids.shape[1] - 1)
    for row, given_ids, read, wanted in zip(ids, inputs, attention, targets, strict=True):
        text = given_ids[read == 1].tolist()
        assert text.pop() == wanted[-1] == 2 and (given_ids[read == 0] == 0).all()
        assert wanted[:-1].tolist() == row.tolist()
        assert len([token for token in text if token != 4]) == len(row) - missing
        assert not any(one == other == 4 for one, other in pairwise(text))
        # What is left stands in its order, with something or nothing in place of each mask.
        pattern = "".join(".*" if token == 4 else chr(token + 1000) for token in text)
        assert re.fullmatch(pattern, "".join(chr(token + 1000) for token in row), re.DOTALL)


def test_lengths_of_spans_are_poissons() -> None:
    ids = np.tile(np.arange(38, 838), (50, 1))
    inputs, _, _ = infill_spans(ids, generator(1), 0.3, 3.0)
    lengths = []
    for row in inputs.tolist():
        places = [place for place, token in enumerate(row) if token == 4]
        for place in places:
            before = row[place - 1] if place else 37
            after = row[place + 1] if row[place + 1] != 2 else 838
            lengths.append(after - before - 1)
    assert sum(lengths) == 50 * 240
    shares = np.bincount(lengths, minlength=12)[:12] / len(lengths)
    expected = [math.exp(-3.0) * 3.0**k / math.factorial(k) for k in range(12)]
    # The last span of a row is cut to what is left.
    assert np.abs(shares - expected).max() < 0.02
