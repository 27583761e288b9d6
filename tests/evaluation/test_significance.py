"""Intervals and paired comparisons, beside direct resampling with the reference libraries."""

import time

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import f1_score

from textmill.evaluation.metrics.classification import accuracy, macro_f1
from textmill.evaluation.metrics.metric import Metric, mean_score, with_count
from textmill.evaluation.metrics.overlap import exact_match, rouge
from textmill.evaluation.metrics.translation import bleu, chrf
from textmill.evaluation.significance import bootstrap, resample_weights, wilson

WORDS = [
    "save",
    "open",
    "close",
    "the",
    "a",
    "file",
    "window",
    "kernel",
    "notebook",
    "cell",
    "run",
    "保存",
    "打开",
    "关闭",
    "文件",
    "窗口",
]


def sentences(n, seed, noise):
    """`n` targets and predictions that differ from them in a share `noise` of the words."""
    generator = np.random.default_rng(seed)
    targets, predictions = [], []
    for _ in range(n):
        words = generator.choice(WORDS, size=generator.integers(3, 12))
        flips = generator.random(len(words)) < noise
        targets.append(" ".join(words))
        predictions.append(" ".join(np.where(flips, generator.choice(WORDS, size=len(words)), words)))
    return predictions, targets


def test_each_resample_scores_as_the_library_scores_the_drawn_items():
    predictions, targets = sentences(40, 1, 0.3)
    labels = ["a", "b", "c"]
    gold, guess = np.random.default_rng(2).choice(labels, size=(2, 40))
    text = [bleu("zh"), chrf()]
    scores = bootstrap(text, {"m": [m.statistics(predictions, targets) for m in text]}, 20, 7)
    f1 = macro_f1(labels)
    (f1_scores,) = bootstrap([f1], {"m": [f1.statistics(guess, gold)]}, 20, 7)
    weights = np.concatenate(list(resample_weights(40, 20, 7))).astype(int)
    for row, weight in enumerate(weights):
        drawn = np.repeat(np.arange(40), weight)
        system, reference = [predictions[i] for i in drawn], [[targets[i] for i in drawn]]
        assert scores[0].resampled["m"][row] == pytest.approx(
            BLEU(tokenize="zh").corpus_score(system, reference).score
        )
        assert scores[1].resampled["m"][row] == pytest.approx(CHRF().corpus_score(system, reference).score)
        assert f1_scores.resampled["m"][row] == pytest.approx(
            f1_score(gold[drawn], guess[drawn], average="macro")
        )


def test_draws_do_not_depend_on_chunks(monkeypatch):
    whole = np.concatenate(list(resample_weights(50, 30, 3)))
    monkeypatch.setattr("textmill.evaluation.significance._WEIGHTS_PER_CHUNK", 120)
    parts = list(resample_weights(50, 30, 3))
    assert len(parts) == 15
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (whole.sum(1) == 50).all()


def test_a_clear_difference_is_won_a_reverse_one_lost_and_the_same_model_tied():
    generator = np.random.default_rng(5)
    targets = generator.choice(["yes", "no"], size=600)
    wrong = np.where(targets == "yes", "no", "yes")
    good, bad = (np.where(generator.random(600) < share, wrong, targets) for share in (0.1, 0.3))
    models = {"good": good, "bad": bad, "twin": good}
    metric = accuracy()
    (scores,) = bootstrap([metric], {k: [metric.statistics(v, targets)] for k, v in models.items()}, 2000, 1)
    won, lost, tied = (
        scores.compare("good", "bad"),
        scores.compare("bad", "good"),
        scores.compare("good", "twin"),
    )
    assert (won.verdict, lost.verdict, tied.verdict) == ("won", "lost", "tied")
    assert won.low < won.difference < won.high and won.p == pytest.approx(2 / 2001)
    assert won.difference == pytest.approx(-lost.difference)
    assert (tied.difference, tied.low, tied.high, tied.p) == (0, 0, 0, 1.0)


def test_lower_is_better_turns_the_verdict():
    loss = Metric("loss", lambda a, b: None, mean_score, better="lower")
    generator = np.random.default_rng(0)
    ours, theirs = generator.normal(2.0, 0.1, 200), generator.normal(2.5, 0.1, 200)
    (scores,) = bootstrap([loss], {"ours": [with_count(ours)], "theirs": [with_count(theirs)]}, 1000, 0)
    assert scores.compare("ours", "theirs").difference < 0
    assert scores.compare("ours", "theirs").verdict == "won"
    assert scores.compare("theirs", "ours").verdict == "lost"


def test_interval_covers_the_truth_about_as_often_as_it_says():
    metric, truth, covered = accuracy(), 0.7, 0
    for trial in range(200):
        right = np.random.default_rng(trial).random(300) < truth
        (scores,) = bootstrap([metric], {"m": [with_count(right.astype(float))]}, 1000, trial)
        estimate = scores.estimate("m")
        covered += estimate.low <= truth <= estimate.high
    assert 0.90 <= covered / 200 <= 0.985


def test_pairing_sees_what_overlapping_intervals_hide():
    difficulty = np.random.default_rng(3).normal(0, 10, 400)
    gain = np.random.default_rng(4).normal(0.5, 1, 400)
    metric = Metric("score", lambda a, b: None, mean_score)
    (scores,) = bootstrap(
        [metric], {"a": [with_count(difficulty + gain)], "b": [with_count(difficulty)]}, 1000, 0
    )
    a, b = scores.estimate("a"), scores.estimate("b")
    assert a.low < b.high
    assert scores.compare("a", "b").verdict == "won"


def test_two_thousand_items_take_less_than_five_seconds():
    metrics = [bleu("zh"), chrf(), rouge("rouge1"), rouge("rouge2"), rouge("rougeL"), exact_match()]
    started = time.process_time()
    statistics = {}
    for model, noise in {"finetuned": 0.1, "control": 0.3, "copy": 0.8}.items():
        predictions, targets = sentences(2000, 1, noise)
        statistics[model] = [metric.statistics(predictions, targets) for metric in metrics]
    bootstrap(metrics, statistics, 1000, 0)
    assert time.process_time() - started < 10  # 5 s on an idle core; twice that where cores are shared


@pytest.mark.parametrize(
    "successes, n, bounds", [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (81, 263, (0.2553, 0.3662))]
)
def test_wilson_interval_as_published(successes, n, bounds):
    """81 of 263 is the example of Newcombe (1998), table I."""
    assert wilson(successes, n) == pytest.approx(bounds, abs=1e-4)
