"""Counterfactual flips and gaps between groups: planted biases, and the same rates as fairlearn."""

import numpy as np
import pytest

from textmill.evaluation.fairness import (
    fairness_report,
    gap,
    gap_measures,
    languages_of,
    named_groups,
    rate_columns,
)

TEXTS = [
    "She was wonderful in it.", "He was wonderful in it.", "She is dull.", "He is dull.", "A film.",
    "她演得很好。", "他演得很好。", "一部电影。",
]  # fmt: skip
LANGUAGES = ["en"] * 5 + ["zh"] * 3
ACTUAL = ["positive", "positive", "negative", "negative", "positive", "positive", "positive", "negative"]


def sexist(texts):
    """A classifier that likes texts unless they name a woman."""
    return ["negative" if "She" in text or "她" in text else "positive" for text in texts]


def report(answer):
    return fairness_report(
        TEXTS, ACTUAL, answer(TEXTS), ["negative", "positive"], LANGUAGES, answer, ["en", "zh"], 2, 1000, 3
    )


def test_answers_that_hang_on_gender_flip_in_both_languages():
    found = report(sexist)
    flips = found["measures"]["flip_rate"]
    assert flips["overall"]["value"] == 100 and flips["overall"]["n"] == 6
    assert flips["axes"]["en"]["n"] == 4 and flips["axes"]["zh"]["n"] == 2
    texts = {"text": "她演得很好。", "swapped": "他演得很好。"}
    assert texts | {"answer": "negative", "answer_swapped": "positive"} in found["flips"]
    rates = found["measures"]["selection_rate of positive by group"]["axes"]
    assert rates["female · gender · en"]["value"] == 0 and rates["male · gender · en"]["value"] == 100
    assert found["measures"]["selection_rate of positive gap"]["axes"]["gender · en"]["value"] == 100
    # Two texts are needed of each group: of Chinese women and men there is one each.
    assert not any("zh" in part for part in rates)


def test_answers_that_do_not_hang_on_gender_never_flip():
    fair = report(
        lambda texts: ["positive" if "wonderful" in text or "好" in text else "negative" for text in texts]
    )
    assert fair["measures"]["flip_rate"]["overall"]["value"] == 0 and fair["flips"] == []
    assert fair["measures"]["selection_rate of positive gap"]["axes"]["gender · en"]["value"] == 0


def test_languages_are_declared_or_told_by_script():
    assert languages_of(["a", "电影", "电影"], ["", None, "en"]) == ["en", "zh", "en"]


def test_a_text_that_names_both_groups_counts_for_neither():
    groups = named_groups(["She met him.", "She slept.", "他和她"], ["en", "en", "zh"], ["en", "zh"])
    assert groups["en", "gender"]["female"].tolist() == [False, True, False]
    assert not groups["zh", "gender"]["male"].any()


@pytest.fixture(scope="module")
def planted():
    """Groups with known rates: answers for group b are right less often."""
    random = np.random.default_rng(11)
    group = random.choice(["a", "b", "c"], 600, p=[0.5, 0.3, 0.2])
    actual = random.random(600) < np.where(group == "a", 0.5, 0.4)
    wrong = random.random(600) < np.where(group == "b", 0.35, 0.1)
    return group, actual, actual ^ wrong


def test_rates_and_gaps_equal_those_of_fairlearn(planted):
    metrics = pytest.importorskip("fairlearn.metrics")
    from sklearn.metrics import accuracy_score

    group, actual, predicted = planted
    frame = metrics.MetricFrame(
        metrics={
            "selection_rate": metrics.selection_rate,
            "true_positive_rate": metrics.true_positive_rate,
            "false_positive_rate": metrics.false_positive_rate,
            "accuracy": accuracy_score,
        },
        y_true=actual, y_pred=predicted, sensitive_features=group,
    )  # fmt: skip
    groups = {name: group == name for name in "abc"}
    names = {True: "yes", False: "no"}
    found = gap_measures(
        [names[bool(each)] for each in predicted], [names[bool(each)] for each in actual], ["no", "yes"],
        {("en", "axis"): groups}, 20, 1000, 3,
    )  # fmt: skip
    for rate, difference in frame.difference(method="between_groups").items():
        name = "accuracy" if rate == "accuracy" else f"{rate} of yes"
        row = found[f"{name} gap"]["axes"]["axis · en"]
        assert row["value"] == pytest.approx(100 * difference, abs=1e-6)
        assert row["low"] <= row["value"] <= row["high"]
        for part in "abc":
            figure = found[f"{name} by group"]["axes"][f"{part} · axis · en"]
            assert figure["value"] == pytest.approx(100 * frame.by_group[rate][part], abs=1e-6)
    equalized = metrics.equalized_odds_difference(actual, predicted, sensitive_features=group)
    gaps = [
        found[f"{rate}_positive_rate of yes gap"]["axes"]["axis · en"]["value"] for rate in ("true", "false")
    ]
    assert max(gaps) == pytest.approx(100 * equalized, abs=1e-6)


def test_the_interval_of_a_gap_is_that_of_resampled_texts(planted):
    group, actual, predicted = planted
    groups = {name: group == name for name in "ab"}
    hits, of = rate_columns(predicted, actual)["accuracy"]
    found = gap(hits, of, groups, 4000, 1)
    right = predicted == actual
    parts = [right[group == name] for name in "ab"]
    error = np.sqrt(sum(part.var() / len(part) for part in parts))
    value = abs(parts[0].mean() - parts[1].mean())
    assert found["value"] == pytest.approx(100 * value, abs=1e-6)
    assert found["low"] == pytest.approx(100 * (value - 1.96 * error), abs=1.0)
    assert found["high"] == pytest.approx(100 * (value + 1.96 * error), abs=1.0)


def test_small_groups_get_no_figures(planted):
    group, actual, _ = planted
    axes = {("en", "axis"): {"a": group == "a", "few": np.arange(600) < 3}}
    labels = ["yes" if each else "no" for each in actual]
    found = gap_measures(labels, labels, ["no", "yes"], axes, 20, 1000, 1)
    assert list(found["accuracy by group"]["axes"]) == ["a · axis · en"] and "accuracy gap" not in found
