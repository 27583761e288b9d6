"""Registering, judging and promoting, on an SQLite store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from ruamel.yaml import YAML

from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.registry import promotion
from textmill.registry.outcome import table
from textmill.registry.promotion import read_plan, register, session

ALL_RIGHT = ["negative"] * 3 + ["positive"] * 3


def change_params(project, change) -> None:
    path = project.root / "params.yaml"
    values = YAML(typ="safe").load(path)
    change(values)
    project.params(values)


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """Standard output of a Python program run in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only_sentiment(values) -> None:
    values["registry"]["models"] = values["registry"]["models"][:1]
    values["gates"]["models"].pop("writer", None)


@pytest.fixture
def sentiment(project):
    """The project with the classifier only: half the time."""
    change_params(project, only_sentiment)
    return project


def retrain(project, weights: str, predicted: list[str], **more) -> None:
    """Another model with other predictions, committed."""
    project.model("models/tasks/sentiment", weights)
    project.predictions("sentiment", predicted)
    path = project.root / "reports/evaluation/sentiment.json"
    write_json(path, {**read_json(path), **more})
    project.lock()


def aliases(project, name: str = "film-sentiment") -> dict[str, str]:
    with session(read_plan(project.root)) as opened:
        return promotion.aliases_of(opened, name)


def test_outcomes_of_a_first_run(registered):
    import mlflow

    known = promotion.recall_outcomes(read_plan(registered.root))
    assert [(item.model, item.version, item.status, item.champion) for item in known] == [
        ("film-sentiment", "1", "champion", "1"),
        ("writer", "1", "champion", "1"),
    ]
    assert known[0].metrics == {"accuracy": "0.83 [0.78, 0.88]"}
    client = mlflow.MlflowClient()
    version = client.get_model_version_by_alias("film-sentiment", "champion")
    assert version.tags["gate"] == "passed" and version.tags["metric.accuracy"] == "0.83 [0.78, 0.88]"
    assert "| majority | 0.3 [0.2, 0.4] |" in version.description
    assert client.get_registered_model("film-sentiment").description == "Films, liked or not."
    lines = table(known).splitlines()
    assert lines[1].split()[:3] == ["film-sentiment", "v1", "champion"]


def test_champion_answers_lists_series_and_frames_alike(registered):
    import mlflow

    model = mlflow.pyfunc.load_model("models:/film-sentiment@champion")
    texts = ["A fine film", "不太好的电影", ""]
    expected = model.predict(texts)
    assert set(expected["label"]) <= {"negative", "positive"}
    for given in (pd.Series(texts), pd.DataFrame({"text": texts}), pd.DataFrame({"anything": texts})):
        assert model.predict(given)["label"].tolist() == expected["label"].tolist()


def test_registered_directory_loads_with_transformers_alone(registered):
    import mlflow
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(mlflow.artifacts.download_artifacts("models:/writer@champion")) / "artifacts" / "decoder"
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    kept = AutoModelForCausalLM.from_pretrained(registered.root / "models/pretrained/decoder")
    ids = AutoTokenizer.from_pretrained(folder)("保存文件", return_tensors="pt").input_ids
    with torch.inference_mode():
        assert torch.equal(loaded(ids).logits, kept(ids).logits)


def test_champion_answers_in_a_process_that_cannot_import_textmill(registered, tmp_path):
    script = (
        "import sys, mlflow\n"
        "sys.path = [p for p in sys.path if not p.endswith('/src')]\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'textmill': raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"mlflow.set_tracking_uri('sqlite:///{registered.root}/mlflow.db')\n"
        "print(list(mlflow.pyfunc.load_model('models:/writer@champion').predict(['你好']).columns))\n"
    )
    assert run(script, tmp_path, {}).strip().endswith("['text']")


def test_manifest_leads_back_to_the_raw_data(registered):
    path = next((registered.root / ".textmill/mlartifacts").rglob("writer/1/manifest.json"))
    manifest = json.loads(path.read_text())
    assert [stage["stage"] for stage in manifest["lineage"]] == [
        "ingest", "clean", "validate", "pretrain@decoder", "evaluate_lm@decoder",
    ]  # fmt: skip
    assert manifest["validation"]["passed"] is True
    assert manifest["evaluation"]["test_sha256"] == "t" * 64
    assert set(manifest["model"]["files"]) >= {"model.safetensors", "config.json", "tokenizer.json"}


def test_same_bytes_give_the_same_version_even_without_the_local_record(sentiment):
    assert register(sentiment.root)[0].version == "1"
    (sentiment.root / ".textmill/registry.json").unlink()
    again = register(sentiment.root)[0]
    assert (again.version, again.status) == ("1", "champion")


def test_nothing_new_is_recalled_without_mlflow(sentiment):
    register(sentiment.root)
    script = (
        "import sys; from textmill.registry.promotion import register\n"
        "print(register()[0].status, 'mlflow' in sys.modules, 'torch' in sys.modules)\n"
    )
    source = Path(promotion.__file__).parents[2]
    environment = {"PYTHONPATH": str(source)}
    assert run(script, sentiment.root, environment).split() == ["champion", "False", "False"]


def test_an_alias_moved_by_hand_is_noticed(sentiment):
    import mlflow

    register(sentiment.root)
    assert promotion.recall_outcomes(read_plan(sentiment.root)) is not None
    mlflow.MlflowClient().delete_registered_model_alias("film-sentiment", "champion")
    assert promotion.recall_outcomes(read_plan(sentiment.root)) is None
    assert register(sentiment.root)[0].status == "promoted"


def test_a_lost_store_is_noticed(sentiment, empty_store):
    register(sentiment.root)
    (sentiment.root / "mlflow.db").write_bytes(empty_store.read_bytes())
    assert register(sentiment.root)[0].status == "promoted"


def test_a_lost_comparison_holds_the_model_back(sentiment):
    path = sentiment.root / "reports/evaluation/sentiment.json"
    report = read_json(path)
    report["comparisons"][0] |= {"difference": -0.1, "low": -0.2, "high": -0.02, "verdict": "lost"}
    write_json(path, report)
    sentiment.lock()
    outcome = register(sentiment.root)[0]
    assert (outcome.status, outcome.champion) == ("held", "")
    assert outcome.reasons == ["beats majority on accuracy: lost: -0.1 [-0.2, -0.02]"]
    assert aliases(sentiment) == {"candidate": "1"}
    with session(read_plan(sentiment.root)) as opened:
        version = opened.client.get_model_version("film-sentiment", "1")
    assert version.tags["gate"] == "held" and "lost: -0.1" in version.description


def test_changed_gates_are_applied_to_the_same_version(sentiment):
    register(sentiment.root)
    change_params(
        sentiment, lambda values: values["gates"]["models"]["film-sentiment"]["floors"].update(accuracy=0.9)
    )
    outcome = register(sentiment.root)[0]
    assert (outcome.version, outcome.status, outcome.champion) == ("1", "held", "1")
    assert outcome.reasons[0] == "floor accuracy: 0.83, at least 0.9 required"


def test_a_better_model_takes_over_and_the_old_one_is_previous(sentiment):
    register(sentiment.root)
    retrain(sentiment, "classification-other", ALL_RIGHT)
    outcome = register(sentiment.root)[0]
    assert (outcome.version, outcome.status) == ("2", "promoted"), outcome.reasons
    assert aliases(sentiment) == {"champion": "2", "previous": "1"}


def test_a_worse_model_is_held_by_the_paired_comparison_with_the_champion(sentiment):
    register(sentiment.root)
    retrain(sentiment, "classification-other", ["positive"] * 3 + ["negative"] * 3)
    outcome = register(sentiment.root)[0]
    assert (outcome.version, outcome.status, outcome.champion) == ("2", "held", "1")
    assert outcome.reasons[0].startswith("champion on accuracy: lost against version 1: -0.8333")
    assert "kept predictions" in outcome.reasons[0]


def test_a_changed_evaluation_set_has_the_champion_measured_again(sentiment):
    import mlflow

    register(sentiment.root)
    champion = mlflow.pyfunc.load_model("models:/film-sentiment@champion")
    retrain(sentiment, "classification-other", ALL_RIGHT, test_sha256="u" * 64)
    plan = read_plan(sentiment.root)
    with session(plan) as opened:
        candidate = promotion.enter_candidate(opened, plan.registry.models[0])
        found = promotion.gather(opened.client, plan.root, candidate, plan.gates, plan.seed).champion
    rows = sentiment.rows()
    right = sum(a == b for a, b in zip(champion.predict(rows["input"])["label"], rows["target"], strict=True))
    assert found.method == "paired bootstrap, champion measured again"
    assert found.difference == pytest.approx(1.0 - right / 6)


@pytest.mark.parametrize("uri", ["smoke", "alias"])
def test_failing_check_after_promotion_restores_every_alias(sentiment, monkeypatch, uri):
    register(sentiment.root)
    retrain(sentiment, "classification-other", ALL_RIGHT)
    register(sentiment.root)
    retrain(sentiment, "classification", ALL_RIGHT)
    before = aliases(sentiment)
    assert before == {"champion": "2", "previous": "1"}
    tested = promotion.smoke_test
    failing = "@champion" if uri == "alias" else "nothing"
    monkeypatch.setattr(
        promotion,
        "smoke_test",
        lambda where, inputs: "silence" if failing in where else tested(where, inputs),
    )
    if uri == "smoke":
        monkeypatch.setattr(promotion, "post_check", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            register(sentiment.root)
    else:
        outcome = register(sentiment.root)[0]
        assert outcome.status == "rolled back" and "silence" in outcome.reasons[-1]
    assert {alias: number for alias, number in aliases(sentiment).items() if alias != "candidate"} == before


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_model_that_does_not_load_is_held(sentiment):
    weights = sentiment.root / "models/tasks/sentiment/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    sentiment.lock()
    outcome = register(sentiment.root)[0]
    assert outcome.status == "held" and "does not load and answer" in outcome.reasons[0]


def test_bytes_that_the_pipeline_did_not_make_are_refused(sentiment):
    sentiment.write("models/tasks/sentiment/extra.txt", "added by hand")
    with pytest.raises(
        UserError, match=r"models/tasks/sentiment: its hash is .* changed after stage finetune@sentiment"
    ):
        register(sentiment.root)


def test_a_model_that_no_stage_makes_is_named(sentiment):
    change_params(
        sentiment, lambda values: values["registry"]["models"][0].update(path="models/tasks/nobody")
    )
    with pytest.raises(
        UserError, match=r"film-sentiment: models/tasks/nobody is not an out of any stage in dvc.lock"
    ):
        register(sentiment.root)


def test_gates_of_an_unknown_model_are_named(sentiment):
    change_params(sentiment, lambda values: values["gates"]["models"].update({"film-sentimental": {}}))
    with pytest.raises(UserError, match=r"gates.models.film-sentimental: no such name in registry.models"):
        register(sentiment.root)


def test_dead_server_is_one_paragraph(sentiment, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"MLflow at http://127.0.0.1:9 cannot be used: .*does not answer"):
        register(sentiment.root)
