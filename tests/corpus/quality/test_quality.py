"""A score learned in place tells prose from what is none, in documents that it has not learned from."""

import json
import random
import subprocess
import sys
from itertools import product

import numpy as np
import pyarrow as pa
import pytest
from ruamel.yaml import YAML
from sklearn.metrics import brier_score_loss, roc_auc_score

from tests.corpus.curation_data import stage_outs
from tests.corpus.curation_texts import write_documents
from tests.corpus.quality.planted import bad, chinese, english
from textmill.config.quality import Good, Quality
from textmill.config.select import Select
from textmill.config.thresholds import Bounds
from textmill.corpus.mapping import map_shards
from textmill.corpus.quality import figures, gather, perplexity, scorer, train
from textmill.corpus.selection.select import select
from textmill.corpus.shards import read_table, shard_paths
from textmill.corpus.shingles import tokens
from textmill.errors import UserError

GOOD = Quality(good=Good(sources=("good",)))


def written(folder, sizes):
    """Documents of both languages: good ones that are named, prose like it, and three kinds of bad ones."""
    texts, sources, langs = [], [], []
    for language, (good, rest) in sizes.items():
        chosen = random.Random(7)
        prose = {"en": english, "zh": chinese}[language](good + 2 * rest, chosen)
        parts = {"good": prose[:good], "prose": prose[good : good + rest]}
        parts["bad"] = bad(prose[good + rest :], language, chosen)
        for source, found in parts.items():
            texts += found
            sources += [source] * len(found)
            langs += [language] * len(found)
    order = random.Random(3).sample(range(len(texts)), len(texts))
    texts, sources, langs = ([column[i] for i in order] for column in (texts, sources, langs))
    return texts, {"source": sources, "lang": langs}


def scored(folder, options=GOOD, seed=5, workers=1):
    judges, report = train(gather(folder / "clean", None, options, seed), options)
    target = folder / f"quality-{seed}-{workers}"
    map_shards(scorer(judges, options, seed), folder / "clean", target, keep=["id"], workers=workers)
    rows = pa.concat_tables([read_table(path) for path in shard_paths(folder / "clean")])
    scores = pa.concat_tables([read_table(path) for path in shard_paths(target)])
    assert scores["id"].equals(rows["id"])
    for name in scores.column_names[1:]:
        rows = rows.append_column(name, scores[name])
    return rows.to_pandas(), report, target


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quality")
    texts, columns = written(folder, {"en": (600, 200), "zh": (300, 300)})
    write_documents(folder / "clean", texts, per_shard=500, **columns)
    return folder, *scored(folder)


@pytest.mark.parametrize(("language", "score"), product(["en", "zh"], ["classifier", "perplexity"]))
def test_planted_documents_that_were_not_named_are_told_apart(both, language, score):
    _, rows, _, _ = both
    rows = rows[(rows.lang == language) & (rows.source != "good")]
    values = rows[f"quality_{score}"].to_numpy() * (1 if score == "classifier" else -1)
    assert roc_auc_score(rows.source == "prose", values) >= 0.95


def test_each_kind_of_bad_document_is_told_from_prose(both):
    _, rows, _, _ = both
    rows = rows[rows.lang == "en"]
    prose, worst = rows[rows.source == "prose"], rows[rows.source == "bad"]
    furniture = worst[worst.text.str.contains("\n")]
    keywords = worst[worst.text.str.count(", ") >= worst.text.str.count(" ")]
    shuffled = worst[~worst.id.isin([*furniture.id, *keywords.id])]
    for kind in (furniture, keywords, shuffled):
        assert len(kind) > 60
        labels = [1] * len(prose) + [0] * len(kind)
        scores = -np.concatenate([prose.quality_perplexity, kind.quality_perplexity])
        assert roc_auc_score(labels, scores) >= 0.9


def test_the_report_is_of_documents_not_learned_from(both):
    _, rows, report, _ = both
    for language in ("en", "zh"):
        here = rows[rows.lang == language]
        good = here.source == "good"
        found = report[language]
        assert (found["good"], found["others"]) == (good.sum(), (~good).sum())
        assert found["classifier"]["auc"] == pytest.approx(
            roc_auc_score(good, here.quality_classifier), abs=1e-4
        )
        weight = np.where(good, 1 / good.sum(), 1 / (~good).sum())
        expected = brier_score_loss(good, here.quality_classifier, sample_weight=weight)
        assert found["classifier"]["brier"] == pytest.approx(expected, abs=1e-4)
        assert found["classifier"]["calibration_error"] < 0.1
        half = next(each for each in found["classifier"]["thresholds"] if each["min"] == 0.5)
        assert half["good"] == pytest.approx((here.quality_classifier[good] >= 0.5).mean(), abs=1e-4)
        assert half["good"] > half["others"]


def test_equal_bytes_whatever_the_workers_and_shards(both, tmp_path):
    folder, _, report, target = both
    _, again, other = scored(folder, workers=2)
    assert again == report
    for one, two in zip(shard_paths(target), shard_paths(other), strict=True):
        assert one.read_bytes() == two.read_bytes()
    rows = pa.concat_tables([read_table(path) for path in shard_paths(folder / "clean")])
    write_documents(
        tmp_path / "clean", rows["text"].to_pylist(), 77, rows["id"].to_pylist(),
        source=rows["source"].to_pylist(), lang=rows["lang"].to_pylist(),
    )  # fmt: skip
    _, third, _ = scored(tmp_path)
    assert third == report


def test_select_drops_by_score_and_says_so(tmp_path):
    texts, columns = written(tmp_path, {"en": (150, 150)})
    ids = stage_outs(tmp_path, texts, **columns)
    rows, _, target = scored(tmp_path)
    target.rename(tmp_path / "quality")
    off = {"gopher": False, "repetition": False, "c4": False, "fineweb": False, "duplicates": False}
    params = Select.model_validate(
        {
            "rules": off,
            "signals": {"quality_classifier": Bounds(min=0.3), "quality_perplexity": Bounds(max=500.0)},
        }
    )
    ledger = select(tmp_path, params, 1).ledger.to_pandas()
    expected = rows.id[(rows.quality_classifier < 0.3) | (rows.quality_perplexity > 500)]
    assert set(ledger.id) == set(expected) and 0 < len(expected) < len(ids)
    assert set(ledger.stage) == {"quality"}
    assert "signals.quality_classifier.min" in set(ledger.rule)


def test_select_without_scores_names_the_key(tmp_path):
    stage_outs(
        tmp_path, ["A text of some words.", "Another text of words."], source=["a", "b"], lang=["en", "en"]
    )
    params = Select(signals={"quality_classifier": Bounds(min=0.5)})
    with pytest.raises(UserError, match=r"select\.signals\.quality_classifier\.min.*quality\.good"):
        select(tmp_path, params, 1)


def test_languages_without_good_documents_are_null(tmp_path):
    texts, columns = written(tmp_path, {"en": (60, 60), "zh": (10, 60)})
    write_documents(tmp_path / "clean", [*texts, "", "!!!"], source=[*columns["source"], "prose", "prose"],
                    lang=[*columns["lang"], "en", "en"])  # fmt: skip
    rows, report, _ = scored(tmp_path)
    assert list(report) == ["en"]
    assert rows[rows.lang == "zh"].quality_classifier.isna().all()
    assert rows[rows.text.isin(["", "!!!"])].quality_perplexity.isna().all()
    assert rows[(rows.lang == "en") & ~rows.text.isin(["", "!!!"])].notna().all().all()


def test_wrong_names_are_errors_that_say_so(tmp_path):
    write_documents(tmp_path / "clean", ["Some text.", "Other text."], source=["a", "b"], lang=["en", "en"])
    for good, message in (
        (Good(sources=("c",)), r"quality\.good\.sources: no document is from c; the sources are a, b"),
        (Good(ids=("f" * 32,)), r"quality\.good\.ids: 1 ids are of no document, the first is ffff"),
        (Good(sources=("a",)), r"at least 50 good documents.*found en 1 good and 1 others"),
    ):
        with pytest.raises(UserError, match=message):
            gather(tmp_path / "clean", None, Quality(good=good), 1)


def test_a_language_model_knows_word_order_and_shuns_strangers():
    prose = pa.array(["the mill stands by the river and the wheel turns"] * 20, pa.large_string())
    model = perplexity.fit(tokens(prose), 3, 1000)
    texts = ["the mill stands by the river", "river the by stands mill the", "qwx zzk vvp jjh", "", "..."]
    values = model.perplexities(tokens(pa.array(texts, pa.large_string())))
    assert values[0] < values[1] < values[2]
    assert np.isnan(values[3:]).all()


def test_figures_on_known_values():
    good = np.array([True, True, False, False])
    assert figures.area_under_curve(np.array([0.9, 0.4, 0.4, 0.1]), good) == 0.875
    exact = figures.calibration(np.array([1.0, 1.0, 0.0, 0.0]), good)
    assert exact["brier"] == exact["calibration_error"] == 0
    assert figures.calibration(np.array([0.7, 0.7, 0.7, 0.7]), good)["calibration_error"] == pytest.approx(
        0.2
    )


def run_stage(root, folder, quality):
    yaml = YAML()
    params = yaml.load(root / "params.yaml")
    params["quality"] = quality
    params["ingest"]["local"] = "mine"
    yaml.dump(params, folder / "params.yaml")
    return subprocess.run(
        [sys.executable, "-m", "pipelines.quality"], cwd=folder, capture_output=True, text=True,
        env={"PYTHONPATH": f"{root}:{root / 'src'}", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_the_stage_reads_files_of_its_own_and_is_off_by_default(tmp_path, root):
    texts, columns = written(tmp_path, {"en": (60, 60)})
    good = [text for text, source in zip(texts, columns["source"], strict=True) if source == "good"]
    rest = [number for number, source in enumerate(columns["source"]) if source != "good"]
    sources = [columns["source"][number] for number in rest]
    left = [texts[number] for number in rest]
    write_documents(tmp_path / "data/clean", left, source=sources, lang=["en"] * len(rest))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/good.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in good), "utf-8")

    done = run_stage(root, tmp_path, {"good": None})
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "data/quality").iterdir()] == ["columns.json"]

    files = {"kind": "files", "paths": ["good.jsonl"], "license": "MIT", "lang": "en"}
    done = run_stage(root, tmp_path, {"good": {"files": files}})
    assert done.returncode == 0, done.stderr
    rows = read_table(tmp_path / "data/quality/part-00000.parquet").to_pandas()
    prose = [columns["source"][i] == "prose" for i in rest]
    assert roc_auc_score(prose, -rows.quality_perplexity) > 0.8
    report = json.loads((tmp_path / "reports/quality.json").read_text("utf-8"))
    assert report["languages"]["en"]["good"] > 50 and "area under the curve" in done.stderr

    done = run_stage(root, tmp_path, {"good": {}})
    assert done.returncode == 2 and "quality.good" in done.stderr and "Traceback" not in done.stderr
