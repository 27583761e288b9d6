"""Intervals and corrections, against scipy and published figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from textmill.evaluation.bias.intervals import (
    benjamini_hochberg,
    cochran_mantel_haenszel,
    fisher_or_z,
    mantel_haenszel_difference,
    newcombe,
    ratio_interval,
    two_sided_p,
    wilson,
)


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy(case):
    x, n = case
    expected = stats.binomtest(x, n).proportion_ci(0.95, method="wilson")
    assert wilson(x, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_nothing_counted_leaves_everything_possible():
    assert wilson(0, 0) == (0.0, 1.0)
    assert newcombe(0, 0, 3, 5) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("counts", "expected"),
    # Newcombe 1998, table II, method 10.
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ],
)
def test_newcombe_equals_the_published_intervals(counts, expected):
    assert newcombe(*counts) == pytest.approx(expected, abs=5e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_benjamini_hochberg_equals_scipy(p):
    assert benjamini_hochberg(p) == pytest.approx(list(stats.false_discovery_control(p)), abs=1e-12)


def test_two_sided_p_equals_scipy():
    for z in (-3.0, -0.1, 0.0, 1.96, 6.0):
        assert two_sided_p(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


def test_one_stratum_is_the_plain_difference():
    value, error = mantel_haenszel_difference(
        np.array([60]), np.array([100]), np.array([150]), np.array([300])
    )
    assert value == pytest.approx(0.1)
    assert error == pytest.approx((0.6 * 0.4 / 100 + 0.25 / 300) ** 0.5, rel=0.02)


def test_strata_undo_what_a_confounder_made():
    # Kept rate is 0.9 in one source, 0.2 in the other, for both groups; the groups differ only in where
    # they are.
    n1, n2 = np.array([900, 100]), np.array([100, 900])
    x1, x2 = n1 * [0.9, 0.2], n2 * [0.9, 0.2]
    assert x1.sum() / n1.sum() - x2.sum() / n2.sum() > 0.5
    value, error = mantel_haenszel_difference(x1, n1, x2, n2)
    assert abs(value) < 1e-12 < error


def test_standard_error_is_that_of_repeated_sampling():
    rng = np.random.default_rng(1)
    n1, n2, rate = rng.integers(1, 6, 300), rng.integers(1, 6, 300), rng.uniform(0.2, 0.8, 300)
    found = [
        mantel_haenszel_difference(rng.binomial(n1, rate), n1, rng.binomial(n2, rate), n2) for _ in range(400)
    ]
    values, errors = np.array(found).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.12)


def test_no_shared_stratum_is_no_comparison():
    assert (
        mantel_haenszel_difference(np.array([1, 0]), np.array([2, 0]), np.array([0, 1]), np.array([0, 2]))
        is None
    )


def test_ratio_interval_is_that_of_a_document_bootstrap():
    rng = np.random.default_rng(2)
    x = rng.integers(1, 30, 800)
    y = rng.binomial(x, rng.beta(2, 3, 800))
    low, high = ratio_interval(y.sum(), x.sum(), (y**2).sum(), (x * y).sum(), (x**2).sum(), 800)
    draws = rng.integers(0, 800, (2000, 800))
    ratios = y[draws].sum(axis=1) / x[draws].sum(axis=1)
    expected = np.quantile(ratios, [0.025, 0.975])
    assert (low, high) == pytest.approx(tuple(expected), abs=0.006)
    # Mentions cluster: an interval that took them for independent would be narrower.
    naive = wilson(int(y.sum()), int(x.sum()))
    assert high - low > 1.5 * (naive[1] - naive[0])


def test_cochran_mantel_haenszel_is_that_of_r_on_the_berkeley_admissions():
    # R 4: mantelhaen.test(UCBAdmissions, correct = FALSE), X-squared = 1.5246, p = 0.2169.
    men = np.array([[512, 313], [353, 207], [120, 205], [138, 279], [53, 138], [22, 351]])
    women = np.array([[89, 19], [17, 8], [202, 391], [131, 244], [94, 299], [24, 317]])
    z = cochran_mantel_haenszel(men[:, 0], men.sum(axis=1), women[:, 0], women.sum(axis=1))
    assert z**2 == pytest.approx(1.5246, abs=5e-4)
    assert two_sided_p(z) == pytest.approx(0.2169, abs=5e-4)


def test_rare_events_are_not_findings():
    # One event where seven were expected: the Wald z of the difference would be above 5.
    one, many = np.array([1]), np.array([186])
    assert two_sided_p(cochran_mantel_haenszel(one, many, np.array([1200]), np.array([30000]))) > 0.01
    assert fisher_or_z(1, 60, 1200, 30000) == pytest.approx(
        stats.fisher_exact([[1, 59], [1200, 28800]]).pvalue
    )


@given(st.integers(0, 300), st.integers(0, 300))
def test_two_shares_are_compared_as_chi_square_does(x1, x2):
    table = np.array([[x1, 300 - x1], [x2, 300 - x2]])
    expected = 1.0 if not (x1 + x2) % 600 else None
    if expected is None:
        small = 300 * min(x1 + x2, 600 - x1 - x2) / 600 < 5
        expected = stats.fisher_exact(table).pvalue if small else stats.chi2_contingency(table, False).pvalue
    assert fisher_or_z(x1, 300, x2, 300) == pytest.approx(expected, abs=1e-9)
