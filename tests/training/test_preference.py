"""Preferences: the loss and its gradients are TRL's, the reference is computed once, and the model moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from textmill.config.finetune import Finetune
from textmill.config.load import validated
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.modeling.architectures import Shape, build
from textmill.modeling.conversations import write, write_pair
from textmill.modeling.saving import save_model
from textmill.progress import Progress
from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.finetuning.load import load_objective
from textmill.training.finetuning.run import finetune

PAIRS = [
    ("Hello", "Hi, friend!", "What?"),
    ("你好", "你好，朋友", "走开"),
    ("Save the file", "Done.", "No, I will not do that."),
    ("Bye", "See you", "Fine"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    model = build("decoder", Shape(1, 32, 2, 48, 128, 294))
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0, 0.2)
    save_model(model, folder, lambda to: save_tokenizer(assemble([]), to, "decoder", 128))
    return folder


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
    for split, times in (("train", 8), ("validation", 1)):
        columns = {
            "input": [write([{"role": "user", "content": asked}]) for asked, _, _ in PAIRS] * times,
            "target": [write_pair(chosen, rejected) for _, chosen, rejected in PAIRS] * times,
        }
        write_table(tmp_path / "data" / f"{split}.parquet", pa.table(columns, schema=schema))
    return tmp_path / "data"


def params_for(base: Path, **changes) -> Finetune:
    settings = {
        "task": "t", "base": str(base), "objective": "preference", "epochs": 6.0, "batch": 8,
        "optimizer": "adamw", "learning_rate": 0.002, "max_input_tokens": 40, "max_target_tokens": 40,
        "validations": 2, "precision": "fp32", "beta": 0.3, "best": "reward_margin",
    }  # fmt: skip
    return Finetune(**{**settings, **changes})


def run(params: Finetune, data: Path, folder: Path, is_control: bool = False) -> dict:
    prepare(1, 5)
    return finetune(
        load_objective(params, 5, data), folder / "model", is_control, Checkpoints("f", "k", folder),
        Spool("f", directory=folder), Progress("test"),
    )  # fmt: skip


def test_loss_and_gradients_are_trls(base, data, tmp_path) -> None:
    """TRL's trainer on the same tokens; the policy has moved away from the reference."""
    pytest.importorskip("trl")
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer
    from trl.trainer.dpo_trainer import DataCollatorForPreference

    objective = load_objective(params_for(base, batch=32), 5, data)
    reference, policy = (
        AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager").eval() for _ in range(2)
    )
    objective.begin(reference, False)
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in policy.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.05)
    arrays = objective.arrays(0)
    loss = objective.loss(policy, *arrays)
    loss.backward()
    ours = {name: weight.grad.clone() for name, weight in policy.named_parameters()}
    policy.zero_grad()

    ids, attention, labels, _ = arrays
    examples = []
    for row in range(len(ids)):
        sides = []
        for side in (0, 1):
            size = int(attention[row, side].sum())
            start = int(np.flatnonzero(labels[row, side] >= 0)[0])
            sides.append((ids[row, side, :start].tolist(), ids[row, side, start:size].tolist()))
        assert sides[0][0] == sides[1][0]
        examples.append({"prompt_ids": sides[0][0], "chosen_ids": sides[0][1], "rejected_ids": sides[1][1]})
    rows = [{"prompt": "a", "chosen": "b", "rejected": "c"}]
    config = DPOConfig(
        output_dir=str(tmp_path / "trl"), beta=0.3, use_cpu=True, report_to=[], bf16=False,
        gradient_checkpointing=False, disable_dropout=False,
    )  # fmt: skip
    trainer = DPOTrainer(
        model=policy, ref_model=reference, args=config, train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(base),
    )  # fmt: skip
    batch = DataCollatorForPreference(pad_token_id=0)(examples)
    theirs = trainer.compute_loss(trainer.model, batch)
    assert loss.item() == pytest.approx(theirs.item(), abs=1e-5)
    theirs.backward()
    for name, weight in trainer.model.named_parameters():
        assert torch.allclose(weight.grad, ours[name], atol=1e-5), name
    assert max(float(grad.abs().max()) for grad in ours.values()) > 1e-3


def test_a_model_learns_to_prefer_and_a_batch_in_parts_is_the_same(base, data, tmp_path) -> None:
    report = run(params_for(base), data, tmp_path / "whole")
    assert report["validation_accuracy"] == 1.0 and report["validation_reward_margin"] > 0.5
    assert report["curve"][0]["loss"] == pytest.approx(np.log(2), abs=1e-5)
    parts = run(params_for(base, rows_at_once=3), data, tmp_path / "parts")
    assert parts["validation_loss"] == pytest.approx(report["validation_loss"], rel=1e-2)
    again = run(params_for(base), data, tmp_path / "again")
    assert again == report
    models = [(tmp_path / name / "model/model.safetensors").read_bytes() for name in ("whole", "again")]
    assert models[0] == models[1]


def test_adapters_learn_to_prefer_too(base, data, tmp_path) -> None:
    params = params_for(base, tuning="lora", lora={"rank": 8}, learning_rate=0.01)
    report = run(params, data, tmp_path)
    assert report["trained_parameters"] < report["parameters"]
    assert report["validation_accuracy"] == 1.0


def test_the_reference_is_computed_once_for_a_start(base, data, tmp_path, monkeypatch) -> None:
    from textmill.training.finetuning.preference import REFERENCES, Preference

    counted = []
    computed = Preference._log_probs
    monkeypatch.setattr(
        Preference, "_log_probs", lambda self, *args: counted.append(1) or computed(self, *args)
    )
    params = params_for(base, epochs=1.0, validations=1)
    run(params, data, tmp_path / "one")
    first = len(counted)
    run(params_for(base, epochs=1.0, validations=1, beta=0.1), data, tmp_path / "two")
    assert len(counted) - first == first - 2
    run(params, data, tmp_path / "three", is_control=True)
    assert len(list(REFERENCES.glob("*.npy"))) == 2
    assert not list((tmp_path / "one/model").glob("*.npy"))


def test_a_tuned_model_finds_the_preferred_answer_likelier(base, data, tmp_path) -> None:
    from textmill.evaluation.preferences import likelier, longer

    run(params_for(base, epochs=12.0), data, tmp_path)
    inputs = [write([{"role": "user", "content": asked}]) for asked, _, _ in PAIRS]
    targets = [write_pair(chosen, rejected) for _, chosen, rejected in PAIRS]
    found = likelier(tmp_path / "model", inputs, targets)
    assert found.count("chosen") > likelier(base, inputs, targets).count("chosen") or found == ["chosen"] * 4
    turned = [write_pair(rejected, chosen) for _, chosen, rejected in PAIRS]
    other = {"chosen": "rejected", "rejected": "chosen"}
    assert likelier(tmp_path / "model", inputs, turned) == [other[answer] for answer in found]
    assert longer(targets) == ["chosen", "chosen", "rejected", "chosen"]


def test_what_is_no_preference_is_named(base, data, tmp_path) -> None:
    schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
    table = pa.table({"input": ["a"], "target": ['{"chosen": "only"}']}, schema=schema)
    write_table(data / "validation.parquet", table)
    with pytest.raises(UserError, match=r"validation\.parquet: row 0: expected a task of kind preference"):
        load_objective(params_for(base), 5, data)
    section = params_for(base).model_dump() | {"label_smoothing": 0.1}
    with pytest.raises(UserError, match="label_smoothing is not of preference"):
        validated(Finetune, section, "params.yaml: finetune.x")
    section = params_for(base).model_dump() | {"best": "macro_f1"}
    with pytest.raises(UserError, match="expected one of loss, accuracy, reward_margin for preference"):
        validated(Finetune, section, "params.yaml: finetune.x")
