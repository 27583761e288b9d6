"""Weights: totals are made equal, labels independent, and nothing is changed more than needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.mitigation.reweigh import Patterns, chosen_groups, raked, reweighed
from textmill.errors import UserError


def test_patterns_number_combinations_once():
    patterns = Patterns(10)
    first = np.zeros((4, 10), bool)
    first[1, 9] = first[3, 9] = first[2, 0] = True
    numbers = patterns.number(first)
    assert numbers[1] == numbers[3] and len(set(numbers.tolist())) == 3
    assert patterns.number(first[::-1]).tolist() == numbers[::-1].tolist()
    assert (patterns.named[numbers] == first).all()


@given(st.lists(st.integers(1, 500), min_size=16, max_size=16))
def test_groups_of_every_axis_become_equal(counts):
    named = np.array([[bool(n & bit) for bit in (1, 2, 4, 8)] for n in range(16)])
    counts = np.array(counts)
    weights = raked(named, counts, [[0, 1], [2, 3]], 1e6, 1)
    before, after = counts @ named, (weights * counts) @ named
    for axis in ([0, 1], [2, 3]):
        assert after[axis] == pytest.approx([before[axis].mean()] * 2, rel=1e-3)
    assert weights[0] == 1  # what names nobody stays as it is


def test_two_groups_are_met_exactly_and_bounds_are_kept():
    named = np.array([[False, False], [True, False], [False, True], [True, True]])
    counts = np.array([1000, 300, 100, 50])
    weights = raked(named, counts, [[0, 1]], 10.0, 1)
    totals = (weights * counts) @ named
    assert totals[0] == pytest.approx(totals[1]) == pytest.approx(250)
    bounded = raked(named, np.array([1000, 5000, 50, 0]), [[0, 1]], 4.0, 1)
    assert bounded.max() == 4.0 and bounded.min() >= 0.25
    assert raked(named, counts, [[0, 1]], 10.0, 1000).tolist() == [1.0] * 4


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=200))
def test_labels_become_independent_of_groups(rows):
    group, label = (np.array(column) for column in zip(*rows, strict=True))
    weights = reweighed(group, label, 1)
    assert weights.mean() == pytest.approx(1) and (weights > 0).all()
    table = np.zeros((4, 3))
    np.add.at(table, (group, label), weights)
    seen = np.zeros((4, 3))
    np.add.at(seen, (group, label), 1)
    if (seen[seen.sum(axis=1) > 0][:, seen.sum(axis=0) > 0] > 0).all():
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        assert table == pytest.approx(expected)


def test_weights_are_those_of_the_paper():
    # Kamiran and Calders 2012, table 3: 5 women (2 positive), 5 men (4 positive).
    women = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    positive = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 0])
    weights = reweighed(women, positive, 1)
    assert weights[0] == pytest.approx(0.5 * 0.6 / 0.2)
    assert weights[2] == pytest.approx(0.5 * 0.4 / 0.3)
    assert weights[5] == pytest.approx(0.5 * 0.6 / 0.4)
    assert weights[9] == pytest.approx(0.5 * 0.4 / 0.1)


def test_unknown_axes_and_groups_are_named():
    lexicon = load_lexicon("zh")
    assert [lexicon.groups[i][1] for i in chosen_groups(lexicon, {"gender": ["male"]}, "x")["gender"]] == [
        "male"
    ]
    # A group that only the other language's lexicon has is no mistake.
    assert chosen_groups(lexicon, {"ethnicity": ["hispanic"]}, "x")["ethnicity"] == []
    with pytest.raises(UserError, match=r"mitigate\.reweight\.axes\.genus: unknown axis\. Known: age"):
        chosen_groups(lexicon, {"genus": []}, "mitigate.reweight.axes")
    with pytest.raises(UserError, match="unknown group 'femme'"):
        chosen_groups(lexicon, {"gender": ["femme"]}, "mitigate.reweight.axes")
