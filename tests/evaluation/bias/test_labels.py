"""Label balance: planted dependence is found in both languages, independence is not, tests equal scipy's."""

import random

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from textmill.corpus.shards import write_table
from textmill.evaluation.bias.labels import independence, label_balance
from textmill.files import write_json

WORDS = {
    "en": {"female": "She saw the film.", "male": "He saw the film.", "none": "The film was long."},
    "zh": {"female": "她看了电影。", "male": "他看了电影。", "none": "电影很长。"},
}


def write_task(root, rows, kind="classification", name="opinions"):
    """Rows (input, target, source, lang), three fifths of them for training."""
    folder = root / name
    for place, split in enumerate(("train", "validation", "test")):
        part = [row for number, row in enumerate(rows) if (0, 0, 0, 1, 2)[number % 5] == place]
        write_table(
            folder / f"{split}.parquet",
            pa.table(
                {
                    "id": [str(n) for n in range(len(part))],
                    "input": pa.array([row[0] for row in part], pa.large_string()),
                    "target": pa.array([row[1] for row in part], pa.large_string()),
                    "source": pa.array([row[2] for row in part], pa.string()),
                    "input_lang": pa.array([row[3] for row in part], pa.string()),
                }
            ),
        )
    write_json(folder / "task.json", {"kind": kind})


def opinions(count, language, negative, seed=0):
    """`negative` says how often a row is negative, by whom it names."""
    rng = random.Random(seed)
    for _ in range(count):
        whom = rng.choice(["female", "male", "none"])
        label = "negative" if rng.random() < negative.get(whom, 0.5) else "positive"
        yield WORDS[language][whom], label, rng.choice(["site", "shop"]), language


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_label_that_goes_with_a_group_is_found(tmp_path, language):
    write_task(tmp_path, list(opinions(1500, language, {"female": 0.8})))
    report = label_balance(tmp_path, ["en", "zh"], 0.95, 20)
    assert report["tasks"]["opinions"]["rows"] == 1500
    rows = {row["group"]: row for row in report["comparisons"] if row["kind"] == "group"}
    assert rows["female"]["p_adjusted"] < 1e-9
    difference = rows["female"]["difference"]
    assert rows["female"]["label"] in ("negative", "positive")
    assert abs(difference["value"]) == pytest.approx(0.3, abs=0.07)
    assert difference["low"] < difference["value"] < difference["high"]
    assert all(row["p_adjusted"] > 0.01 for row in report["comparisons"] if row["kind"] == "source")


def test_independent_labels_are_not_findings(tmp_path):
    for seed in range(4):
        rows = list(opinions(600, "en", {}, seed)) + list(opinions(600, "zh", {}, seed + 50))
        write_task(tmp_path / str(seed), rows)
        report = label_balance(tmp_path / str(seed), ["en", "zh"], 0.95, 20)
        assert {row["kind"] for row in report["comparisons"]} == {"group", "language", "source", "split"}
        assert min(row["p_adjusted"] for row in report["comparisons"]) > 0.05


def test_a_language_with_other_labels_is_found(tmp_path):
    rows = list(opinions(500, "en", {})) + [
        (t, "negative", s, lang) for t, _, s, lang in opinions(200, "zh", {})
    ]
    write_task(tmp_path, rows)
    report = label_balance(tmp_path, ["en", "zh"], 0.95, 20)
    chinese = next(
        row for row in report["comparisons"] if row.get("language") == "zh" and row["kind"] == "language"
    )
    assert chinese["p_adjusted"] < 1e-9 and chinese["cramers_v"] > 0.3
    shares = {row["label"]: row["rows"] for row in report["tasks"]["opinions"]["labels"]}
    assert sum(shares.values()) == 700


def test_tasks_without_labels_count_groups_only(tmp_path):
    write_task(tmp_path, list(opinions(100, "en", {})), kind="generation", name="translation")
    report = label_balance(tmp_path, ["en", "zh"], 0.95, 20)
    assert report["comparisons"] == []
    task = report["tasks"]["translation"]
    assert "labels" not in task and {row["group"] for row in task["groups"]} == {"female", "male"}


@pytest.mark.parametrize("table", [[[30, 20], [25, 50]], [[1, 8], [9, 3]], [[40, 9, 30], [35, 30, 12]]])
def test_the_tests_are_scipys(table):
    table = np.array(table)
    name, p, v = independence(table)
    expected = stats.chi2_contingency(table, correction=False)
    assert v == pytest.approx(stats.contingency.association(table, "cramer", correction=False))
    if name == "chi_square":
        assert p == pytest.approx(expected.pvalue)
    else:
        assert expected.expected_freq.min() < 5 and p == pytest.approx(stats.fisher_exact(table).pvalue)


def test_small_large_tables_get_the_same_p_each_time():
    table = np.array([[3, 1, 9], [2, 8, 1]])
    name, p, _ = independence(table)
    assert name == "fisher_monte_carlo" and independence(table)[1] == p
    assert p < 0.01
