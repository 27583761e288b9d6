"""Weights of rows count in the loss as a weighted mean, and a control learns without them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from ruamel.yaml import YAML

from pipelines import task_weights
from pipelines._stage import Stage
from textmill.config.finetune import Finetune
from textmill.config.load import validated
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.modeling.architectures import Shape, build
from textmill.modeling.saving import save_model
from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.training.bases import load_model
from textmill.training.device import prepare
from textmill.training.finetuning.load import load_objective

ROWS = [("she is good", "up"), ("he is good", "up"), ("她好", "up"), ("he is bad", "down"), ("他坏", "down")]
WEIGHTS = [0.25, 2.0, 1.0, 0.5, 1.25]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bases") / "encoder"
    torch.manual_seed(1)
    model = build("encoder", Shape(1, 32, 2, 48, 64, 294))
    save_model(model, folder, lambda to: save_tokenizer(assemble([]), to, "encoder", 64))
    return folder


def write(folder: Path, weights: list[float] | None, ids: str = "abcde") -> Path:
    for split in ("train", "validation"):
        columns = {"id": list("abcde"), "input": [a for a, _ in ROWS], "target": [b for _, b in ROWS]}
        write_table(folder / "rows" / f"{split}.parquet", pa.table(columns))
    if weights is not None:
        columns = {"id": list(ids), "weight": pa.array(weights, pa.float32())}
        write_table(folder / "weights/t.parquet", pa.table(columns))
    return folder


def params(base: Path, **changes) -> dict:
    settings = {
        "task": "t", "base": str(base), "objective": "classification", "epochs": 1.0, "batch": 5,
        "learning_rate": 0.01, "precision": "fp32", "dropout": 0.0, "row_weights": True,
    }  # fmt: skip
    return {**settings, **changes}


@pytest.mark.parametrize("changes", [{}, {"class_weights": "balanced"}, {"label_smoothing": 0.2}])
@pytest.mark.parametrize("at_once", [None, 2])
def test_the_loss_is_the_weighted_mean_whole_or_in_parts(encoder, tmp_path, changes, at_once) -> None:
    prepare(1, 5)
    folder = write(tmp_path, WEIGHTS)
    settings = Finetune(**params(encoder, control="unweighted", **changes))
    objective = load_objective(settings, 5, folder / "rows", folder / "weights")
    model = load_model(encoder, objective.head, objective.labels, 0.0, False, 5).eval()
    inputs, attention, labels = objective.train.step(0)
    with torch.no_grad():
        logits = model(torch.from_numpy(inputs), attention_mask=torch.from_numpy(attention)).logits
    # Weights of a row and of its class multiply: balanced, "up" counts 5/6 and "down" 5/4.
    balanced = np.where(labels == 1, 5 / 6, 5 / 4) if "class_weights" in changes else np.ones(5)
    own = np.array(WEIGHTS)[objective.train.rows(0)] * balanced
    losses = torch.nn.functional.cross_entropy(
        logits,
        torch.from_numpy(labels),
        reduction="none",
        label_smoothing=changes.get("label_smoothing", 0.0),
    )
    expected = float((losses.double().numpy() * own).sum() / own.sum())
    batch = objective.batch(model, 0, at_once)
    assert sum(part.share * part.loss().item() for part in batch.parts) == pytest.approx(expected, rel=1e-5)
    objective.begin(model, is_control=True)
    plain = sum(part.share * part.loss().item() for part in objective.batch(model, 0, at_once).parts)
    unweighted = float((losses.double().numpy() * balanced).sum() / balanced.sum())
    assert plain == pytest.approx(unweighted, rel=1e-5)


def test_weights_that_are_missing_or_of_other_rows_are_named(encoder, tmp_path) -> None:
    settings = Finetune(**params(encoder))
    folder = write(tmp_path, None)
    with pytest.raises(UserError, match=r"t\.parquet: not found; `row_weights: true` needs t among"):
        load_objective(settings, 5, folder / "rows", folder / "weights")
    write(tmp_path, WEIGHTS, "abcdx")
    with pytest.raises(UserError, match=r"expected the weights of the rows of .*run the stage task_weights"):
        load_objective(settings, 5, folder / "rows", folder / "weights")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "generation"}, "row_weights are of classification"),
        ({"row_weights": False, "control": "unweighted"}, "control: unweighted compares with row_weights"),
    ],
)
def test_row_weights_that_mean_nothing_are_refused(changes, message) -> None:
    with pytest.raises(UserError, match=message):
        validated(Finetune, params(Path("b"), **changes), "params.yaml: finetune.x")


def test_the_stage_weighs_the_tasks_it_is_told_and_none_when_off(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [("she sings", "up")] * 15 + [("he sings", "up")] * 5 + [("he sings", "down")] * 15
    rows += [("she sings", "down")] * 5
    columns = {
        "id": [f"{number:032x}" for number in range(40)],
        "input": [text for text, _ in rows],
        "target": [label for _, label in rows],
        "input_lang": ["en"] * 40,
    }
    write_table(Path("data/tasks/t/train.parquet"), pa.table(columns))
    Path("data/tasks/t/task.json").write_text(json.dumps({"kind": "classification"}), encoding="utf-8")
    for tasks in ([], ["t"]):
        YAML().dump({"seed": 1, "mitigate": {"task_weights": {"tasks": tasks}}}, Path("params.yaml"))
        task_weights.main(Stage("task_weights", None))
        report = json.loads(Path("data/task_weights/tasks.json").read_text("utf-8"))
        assert list(report) == tasks and Path("data/task_weights/t.parquet").is_file() == bool(tasks)
    assert report["t"]["before"]["cramers_v"] == 0.5 and report["t"]["after"]["cramers_v"] < 0.01
