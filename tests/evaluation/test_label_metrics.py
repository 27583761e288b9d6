"""Metrics of label sets, spans and answers are those of scikit-learn, seqeval and SQuAD's own rules."""

from __future__ import annotations

import numpy as np
import pytest

from textmill.errors import UserError
from textmill.evaluation.metrics.choose import choose_metrics
from textmill.evaluation.significance import bootstrap
from textmill.modeling.baselines import Rows, predict_baseline
from textmill.modeling.targets import Answer, write_answers, write_labels

LABELS = ["人名", "LOC", "ORG"]


def value(metric, predictions, targets) -> float:
    return float(metric.score(metric.statistics(predictions, targets).sum(axis=0)))


def random_tags(seed: int, rows: int = 200) -> list[list[str]]:
    """Valid and invalid sequences: I- after O, I- of another label, empty sentences of O."""
    random = np.random.default_rng(seed)
    tags = ["O", "O", *(f"{part}-{label}" for label in LABELS for part in "BI")]
    return [list(random.choice(tags, random.integers(1, 15))) for _ in range(rows)]


def test_span_figures_are_seqevals() -> None:
    from seqeval.metrics import accuracy_score, classification_report, f1_score, precision_score, recall_score

    gold = random_tags(1)
    random = np.random.default_rng(9)
    found = [
        [tag if random.random() < 0.8 else other for tag, other in zip(row, reversed(row), strict=True)]
        for row in gold
    ]
    targets, predictions = (list(map(" ".join, side)) for side in (gold, found))
    figures = {
        metric.name: value(metric, predictions, targets)
        for metric in choose_metrics(
            ["span_f1", "span_precision", "span_recall", "macro_f1", "label_f1", "tag_accuracy"],
            "tagging",
            LABELS,
        )
    }
    assert 0.1 < figures["span_f1"] < 0.9
    report = classification_report(gold, found, output_dict=True)
    expected = {
        "span_f1": f1_score(gold, found),
        "span_precision": precision_score(gold, found),
        "span_recall": recall_score(gold, found),
        "tag_accuracy": accuracy_score(gold, found),
        "macro_f1": f1_score(gold, found, average="macro"),
        **{f"f1[{label}]": report[label]["f1-score"] for label in LABELS},
    }
    assert figures == pytest.approx(expected)


def test_a_bootstrap_of_sentences_is_seqeval_on_drawn_sentences() -> None:
    from seqeval.metrics import f1_score

    gold, found = random_tags(1, 40), random_tags(1, 40)
    for row in found[::2]:
        row[:] = ["O"] * len(row)
    metric = choose_metrics(["span_f1"], "tagging", LABELS)[0]
    targets, predictions = (list(map(" ".join, side)) for side in (gold, found))
    statistics = metric.statistics(predictions, targets)
    scores = bootstrap([metric], {"model": [statistics]}, 1000, 3)[0]
    rows = np.random.default_rng(2).integers(0, 40, 40)
    expected = f1_score([gold[row] for row in rows], [found[row] for row in rows])
    assert float(metric.score(statistics[rows].sum(axis=0))) == pytest.approx(expected)
    estimate = scores.estimate("model")
    assert estimate.value == pytest.approx(f1_score(gold, found))
    assert estimate.low < estimate.value < estimate.high


def test_label_set_figures_are_scikit_learns() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    random = np.random.default_rng(4)
    labels = ["a", "b, c", "中", "never"]
    gold = random.random((80, 4)) < [0.5, 0.3, 0.1, 0.0]
    given = np.where(random.random((80, 4)) < 0.8, gold, random.random((80, 4)) < 0.3)
    given[:, 3] = False
    sides = [
        [write_labels(name for name, flag in zip(labels, row, strict=True) if flag) for row in side]
        for side in (given, gold)
    ]
    names = ["macro_f1", "micro_f1", "label_f1", "subset_accuracy"]
    figures = {metric.name: value(metric, *sides) for metric in choose_metrics(names, "multilabel", labels)}
    assert figures["macro_f1"] == pytest.approx(f1_score(gold[:, :3], given[:, :3], average="macro"))
    assert figures["micro_f1"] == pytest.approx(f1_score(gold, given, average="micro"))
    assert figures["subset_accuracy"] == pytest.approx(accuracy_score(gold, given))
    assert [figures[f"f1[{name}]"] for name in labels] == pytest.approx(
        f1_score(gold, given, average=None, zero_division=0)
    )


def test_an_answer_is_compared_with_the_best_of_several_and_silence_with_none() -> None:
    targets = [
        write_answers([Answer("the year 1998", 0), Answer("1998", 9)]),
        write_answers([]),
        write_answers([]),
        write_answers([Answer("张家口", 3)]),
    ]
    em, f1 = choose_metrics(["answer_em", "answer_f1"], "extraction")
    predictions = ["1998.", "", "anything", "张家"]
    assert em.statistics(predictions, targets)[:, 0].tolist() == [100, 100, 0, 0]
    assert f1.statistics(predictions, targets)[:, 0].tolist() == pytest.approx([100, 100, 0, 80])


def test_a_metric_of_another_kind_is_named() -> None:
    with pytest.raises(UserError, match="span_f1: does not fit a multilabel task; expected some of macro_f1"):
        choose_metrics(["span_f1"], "multilabel", ["a"])
    with pytest.raises(UserError, match="lead: does not fit a tagging task; expected some of frequent_tag"):
        predict_baseline("lead", "tagging", Rows([], []), Rows([], []), [])


TAGGED = Rows(
    ["李明在北京。", "王明在上海。", "北京好。", "Li is in New York."],
    [
        "B-PER I-PER O B-LOC I-LOC O",
        "B-PER I-PER O B-LOC I-LOC O",
        "B-LOC I-LOC O O",
        "B-PER O O B-LOC I-LOC O",
    ],
)


def test_the_most_frequent_tag_and_the_longest_known_span() -> None:
    inputs = ["李明好", "In New York"]
    frequent = predict_baseline("frequent_tag", "tagging", TAGGED, TAGGED, inputs)
    assert frequent[0] == "B-PER I-PER O"
    assert frequent[1].split()[1:] == ["B-LOC", "I-LOC"]
    matched = predict_baseline("longest_match", "tagging", TAGGED, TAGGED, ["王明在北京", "New York"])
    assert matched == ["B-PER I-PER O B-LOC I-LOC", "B-LOC I-LOC"]
    words = Rows(["北京大学", "大学生"], ["B-W I-W B-W I-W", "B-W I-W B-W"])
    assert predict_baseline("longest_match", "tagging", words, words, ["生大学了"]) == ["B-W B-W I-W B-W"]


def test_the_sentence_nearest_to_the_question_and_silence() -> None:
    inputs = [
        "When did it rain?\nIt was dry. It did rain in May. Then sun.",
        "谁在上海？\n李明在北京。王明在上海。",
    ]
    rows = Rows([], [])
    assert predict_baseline("overlap_sentence", "extraction", rows, rows, inputs) == [
        "It did rain in May.",
        "王明在上海。",
    ]
    assert predict_baseline("no_answer", "extraction", rows, rows, inputs) == ["", ""]


def test_tfidf_gives_label_sets() -> None:
    texts = [f"{a} {b} number {n}" for n in range(6) for a in ("red", "plain") for b in ("round", "flat")]
    targets = [write_labels(name for name in ("red", "round") if name in text.split()) for text in texts]
    rows = Rows(texts, targets)
    found = predict_baseline(
        "tfidf_logistic", "multilabel", rows, rows, ["red round", "flat plain", "flat red"]
    )
    assert found == ['["red","round"]', "[]", '["red"]']
