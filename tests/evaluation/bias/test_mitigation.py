"""Mitigations move the measures the right way, in both languages, and write the same bytes every time."""

import random

import numpy as np
import pyarrow as pa
import pytest

from textmill.config.embeddings import Embeddings
from textmill.config.mitigate import Mitigate
from textmill.corpus.mitigation.counterfactual import copy_id
from textmill.corpus.shards import DOCUMENT, read_table, write_table
from textmill.errors import UserError
from textmill.evaluation.bias.mitigation import mitigate_corpus
from textmill.evaluation.bias.task_weights import weigh_tasks
from textmill.evaluation.bias.word_vectors import before_and_after
from textmill.tokenization.mixing import Mixing

from .test_labels import opinions, write_task
from .test_weat import planted_texts


def corpus(root, count=2000, seed=0):
    """Three men for each woman; men work, women are at home. A third of the documents name nobody."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        language = ("en", "zh")[number % 2]
        man, none = rng.random() < 0.75, rng.random() < 0.3
        work = rng.random() < (0.8 if man else 0.2)
        if language == "en":
            who, what = (
                ("He" if man else "She"),
                ("had a good job at the company" if work else "married into a family"),
            )
            text = (
                f"It rained on day {number}." if none else f"{who} {what} and liked it. It was day {number}."
            )
        else:
            who, what = ("他" if man else "她"), ("在公司有一份工作" if work else "结婚以后有了家庭")
            text = f"第{number}天下雨了。" if none else f"{who}{what}，很满意。那是第{number}天。"
        rows.append((f"{number:032x}", text, ("book", "chat")[number % 3 == 0], "MIT", language, "{}"))
    for start in range(0, count, 700):
        columns = list(zip(*rows[start : start + 700], strict=True))
        table = pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, DOCUMENT, strict=True)], schema=DOCUMENT
        )
        write_table(root / f"part-{start // 700:05d}.parquet", table)
    return rows


def find(rows, **wanted):
    return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


REWEIGHT = {"axes": {"gender": ["female", "male"]}}
COPIES = {"languages": ["en", "zh"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_reweighting_makes_groups_equal(tmp_path, language):
    rows = corpus(tmp_path / "train")
    report = mitigate_corpus(tmp_path / "train", tmp_path / "out", Mitigate(reweight=REWEIGHT), 1)
    female = find(report["representation"], language=language, group="female")
    before, after = female["before"]["axis_share"], female["after"]["axis_share"]
    assert before["value"] == pytest.approx(0.25, abs=0.04)
    assert after["value"] == pytest.approx(0.5, abs=0.01) and after["low"] < 0.5 < after["high"]
    weights = {row["id"]: row["weight"] for row in read_table(tmp_path / "out/weights.parquet").to_pylist()}
    by_who = {"She": [], "He": [], "她": [], "他": []}
    for row in rows:
        who = row[1].split(" ")[0] if row[4] == "en" else row[1][0]
        if who in by_who:
            by_who[who].append(weights[row[0]])
        else:
            assert row[0] not in weights
    assert sum(by_who["She"]) == pytest.approx(sum(by_who["He"]), rel=0.01)
    assert sum(by_who["她"]) == pytest.approx(sum(by_who["他"]), rel=0.01)
    assert not list((tmp_path / "out").glob("augmented/*.parquet"))
    assert report["corpus"]["effective_documents"] < report["corpus"]["documents"] == 2000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_copies_make_groups_equal_and_take_away_the_association(tmp_path, language):
    corpus(tmp_path / "train")
    report = mitigate_corpus(tmp_path / "train", tmp_path / "out", Mitigate(counterfactual=COPIES), 1)
    female = find(report["representation"], language=language, group="female")
    assert female["after"]["axis_share"]["value"] == pytest.approx(0.5, abs=1e-6)
    near = find(report["association"], language=language, group="female", attribute="career")
    assert near["before"]["high"] < -0.5
    assert near["after"]["log_odds"] == pytest.approx(0, abs=0.02)
    copies = read_table(tmp_path / "out/augmented/part-00000.parquet")
    assert copies.schema.equals(DOCUMENT) and copies.num_rows == report["corpus"]["copies"]
    assert read_table(tmp_path / "out/weights.parquet").num_rows == 0
    mix = report["mix"]["languages"][language]
    assert mix["before"] == pytest.approx(0.5) and mix["after"] == pytest.approx(0.5, abs=0.02)


def test_copies_share_the_weight_of_their_originals(tmp_path):
    train = tmp_path / "train"
    rows = [
        (f"{n:032x}", "She met an old man." if n < 40 else "A child met him.", "s", "MIT", "en", "{}")
        for n in range(200)
    ]
    columns = list(zip(*rows, strict=True))
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, DOCUMENT, strict=True)], schema=DOCUMENT)
    write_table(train / "part-00000.parquet", table)
    settings = Mitigate(reweight={"axes": {"age": ["young", "old"]}}, counterfactual=COPIES)
    report = mitigate_corpus(train, tmp_path / "out", settings, 1)
    weights = {row["id"]: row["weight"] for row in read_table(tmp_path / "out/weights.parquet").to_pylist()}
    assert len(weights) == 400
    assert all(weights[copy_id(row[0])] == weights[row[0]] for row in rows)
    old = find(report["representation"], group="old")
    assert old["before"]["axis_share"]["value"] == pytest.approx(0.2)
    assert old["after"]["axis_share"]["value"] == pytest.approx(0.5, abs=0.01)


def test_tokenize_repeats_as_the_weights_say(tmp_path):
    rows = corpus(tmp_path / "train")
    mitigate_corpus(tmp_path / "train", tmp_path / "out", Mitigate(reweight=REWEIGHT), 1)
    mixing = Mixing(1, weights=tmp_path / "out/weights.parquet")
    table = pa.table(
        {"id": [r[0] for r in rows], "source": [r[2] for r in rows], "lang": [r[4] for r in rows]}
    )
    times = mixing.copies(table)
    she = np.array([row[1].startswith("She") for row in rows])
    he = np.array([row[1].startswith("He") for row in rows])
    assert times[she].sum() == pytest.approx(times[he].sum(), rel=0.1)
    assert sum(row[1].startswith("She") for row in rows) < 0.4 * sum(row[1].startswith("He") for row in rows)


def test_switched_off_it_writes_an_empty_out_and_reads_nothing(tmp_path):
    report = mitigate_corpus(tmp_path / "nowhere", tmp_path / "out", Mitigate(), 1)
    assert report == {"corpus": None, "mix": {}, "representation": [], "association": []}
    table = read_table(tmp_path / "out/weights.parquet")
    assert table.num_rows == 0 and table.schema == pa.schema([("id", pa.string()), ("weight", pa.float32())])


def test_the_same_bytes_twice(tmp_path):
    corpus(tmp_path / "train", 400)
    settings = Mitigate(reweight=REWEIGHT, counterfactual=COPIES | {"share": 0.5})
    reports = [mitigate_corpus(tmp_path / "train", tmp_path / name, settings, 7) for name in "ab"]
    assert reports[0] == reports[1]
    for name in ("weights.parquet", "augmented/part-00000.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_word_vectors_lose_the_association_with_the_copies(tmp_path, language):
    rows = [
        (f"{number:032x}", text, "s", "MIT", language, "{}")
        for number, text in enumerate(planted_texts(language, True))
    ]
    columns = list(zip(*rows, strict=True))
    table = pa.table([pa.array(c, f.type) for c, f in zip(columns, DOCUMENT, strict=True)], schema=DOCUMENT)
    write_table(tmp_path / "train/part-00000.parquet", table)
    mitigate_corpus(tmp_path / "train", tmp_path / "out", Mitigate(counterfactual=COPIES), 1)
    with pytest.raises(UserError, match=r"embeddings\.methods"):
        before_and_after(tmp_path / "train", tmp_path / "out", Embeddings(), 1)
    settings = Embeddings(methods=["glove"], languages=[language], dimensions=12, resamples=100, min_words=3)
    rows = before_and_after(tmp_path / "train", tmp_path / "out", settings, 1)
    career = find(rows, name="men / women: career / family")
    assert career["before"]["effect"]["value"] > 1.5 and career["before"]["p"] < 0.01
    # Not zero: 夫人 and 姑娘 become men, but no word for men becomes either of them.
    assert abs(career["after"]["effect"]["value"]) < 0.8 and career["after"]["p"] > 0.01


@pytest.mark.parametrize("language", ["en", "zh"])
def test_row_weights_make_labels_independent_of_who_is_named(tmp_path, language):
    write_task(tmp_path / "tasks", list(opinions(1500, language, {"female": 0.85})))
    settings = Mitigate(task_weights={"tasks": ["opinions"]})
    report = weigh_tasks(tmp_path / "tasks", tmp_path / "out", settings)["opinions"]
    assert report["before"]["cramers_v"] > 0.2 and report["after"]["cramers_v"] < 1e-4
    female = find(report["groups"], group="female")
    assert abs(female["before"]["value"]) > 0.2 and female["after"]["value"] == pytest.approx(0, abs=1e-4)
    assert female["after"]["low"] < 0 < female["after"]["high"]
    weights = read_table(tmp_path / "out/opinions.parquet")
    train = read_table(tmp_path / "tasks/opinions/train.parquet")
    assert weights["id"].to_pylist() == train["id"].to_pylist()
    assert np.mean(weights["weight"]) == pytest.approx(1, abs=1e-5)


def test_tasks_that_cannot_be_weighed_are_named(tmp_path):
    write_task(tmp_path / "tasks", list(opinions(50, "en", {})), kind="generation", name="translation")
    with pytest.raises(UserError, match=r"no task 'opinions'\. Known: translation"):
        weigh_tasks(tmp_path / "tasks", tmp_path / "out", Mitigate(task_weights={"tasks": ["opinions"]}))
    with pytest.raises(UserError, match="translation has no labels"):
        weigh_tasks(tmp_path / "tasks", tmp_path / "out", Mitigate(task_weights={"tasks": ["translation"]}))
