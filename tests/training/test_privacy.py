"""Private fine-tuning: gradients are Opacus', the budget is its accountant's, and a kill changes neither."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant, RDPAccountant
from opacus.optimizers import DPOptimizer

from textmill.config.finetune import Finetune
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.modeling.architectures import Shape, build
from textmill.modeling.saving import save_model
from textmill.progress import Progress
from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.training.bases import load_model
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.finetuning.load import load_objective
from textmill.training.finetuning.privacy import SECRET, Privately
from textmill.training.finetuning.run import finetune

GOOD = ["good film", "好看的电影", "a good good time", "好，真好"]
BAD = ["bad film", "难看的电影", "a bad bad time", "难，真难"]
LABELLED = [(text, "up") for text in GOOD] + [(text, "down") for text in BAD]
NOISY = {"noise_multiplier": 0.8, "delta": 1e-3, "max_gradient_norm": 0.5, "accountant": "rdp"}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("private")
    for architecture in ("encoder", "seq2seq"):
        torch.manual_seed(1)
        model = build(architecture, Shape(1, 32, 2, 48, 64, 294))
        save_model(
            model,
            folder / architecture,
            lambda to, kind=architecture: save_tokenizer(assemble([]), to, kind, 64),
        )
    for split, rows in (("train", LABELLED * 4), ("validation", LABELLED)):
        columns = {"input": [text for text, _ in rows], "target": [label for _, label in rows]}
        schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
        write_table(folder / "data" / f"{split}.parquet", pa.table(columns, schema=schema))
    return folder


def params_for(made: Path, architecture: str = "encoder", privacy=NOISY, **changes) -> Finetune:
    settings = {
        "task": "t", "base": str(made / architecture), "epochs": 3.0, "batch": 8, "optimizer": "adamw",
        "objective": "classification" if architecture == "encoder" else "generation", "precision": "fp32",
        "learning_rate": 0.01, "max_input_tokens": 40, "validations": 2, "dropout": 0.0, "privacy": privacy,
    }  # fmt: skip
    return Finetune(**{**settings, **changes})


def run_finetune(params: Finetune, made: Path, folder: Path, spool: Spool | None = None) -> dict:
    prepare(1, 5)
    return finetune(
        load_objective(params, 5, made / "data"), folder / "model", False, Checkpoints("f", "k", folder),
        spool or Spool("f", directory=folder), Progress("test"),
    )  # fmt: skip


def private(made: Path, architecture: str, privacy=NOISY, steps: int = 8, **changes):
    params = params_for(made, architecture, privacy, **changes)
    objective = load_objective(params, 5, made / "data")
    prepare(1, 5)
    model = load_model(params.base, objective.head, objective.labels, 0.0, False, 5)
    return Privately(objective, model, steps), model


def test_clipping_and_noise_are_those_of_opacus(made) -> None:
    asked, model = private(made, "encoder")
    model.train()
    asked.batch(3, None).parts[0].loss().backward()
    ours = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    # Their way: gradients of single rows by hooks, on all rows of the step at once.
    # By functorch, for their own rule of LayerNorm wants a bias, and this model has none.
    hooked = GradSampleModule(model, loss_reduction="mean", force_functorch=True)
    theirs = DPOptimizer(
        torch.optim.SGD(model.parameters(), lr=0.1), noise_multiplier=0.8, max_grad_norm=0.5,
        expected_batch_size=8, generator=asked.noise(3),
    )  # fmt: skip
    rows = asked.rows(3)
    assert len(rows) not in (0, 8)
    inputs, attention, labels = map(torch.from_numpy, asked.objective.train.chosen(rows))
    logits = hooked(input_ids=inputs, attention_mask=attention).logits
    torch.nn.functional.cross_entropy(logits, labels).backward()
    norms = torch.stack([w.grad_sample.flatten(1).norm(dim=1) for w in model.parameters()]).norm(dim=0)
    assert (norms > 0.5).any()
    assert theirs.pre_step()
    for name, weight in model.named_parameters():
        torch.testing.assert_close(ours[name], weight.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_a_row_more_moves_the_sum_by_the_norm_at_most_whatever_the_model(made) -> None:
    """Also where Opacus' hooks do not fit: T5 shares embeddings and adds positions without a batch."""
    for architecture in ("encoder", "seq2seq"):
        asked, model = private(made, architecture, NOISY | {"noise_multiplier": 1e-9})
        found = []
        for rows in ([1, 2, 3], [1, 2], []):
            asked.rows = lambda step, rows=rows: np.array(rows, np.int64)
            model.zero_grad(set_to_none=True)
            asked.batch(0, None).parts[0].loss().backward()
            found.append(torch.cat([weight.grad.flatten() for weight in model.parameters()]) * 8)
        assert float((found[0] - found[1]).norm()) == pytest.approx(0.5, abs=1e-4)
        assert float(found[2].norm()) < 1e-4


def test_rows_are_drawn_by_poisson_sampling(made) -> None:
    asked, _ = private(made, "encoder")
    count = len(asked.objective.train.inputs)
    drawn = np.array([np.isin(np.arange(count), asked.rows(step)) for step in range(2000)])
    assert asked.sample_rate == 8 / count
    spread = math.sqrt(asked.sample_rate * (1 - asked.sample_rate))
    np.testing.assert_allclose(drawn.mean(axis=0), asked.sample_rate, atol=5 * spread / math.sqrt(2000))
    sizes = drawn.sum(axis=1)
    assert sizes.var() == pytest.approx(count * spread**2, rel=0.2)
    # Rows come and go independently of each other.
    together = np.corrcoef(drawn.T.astype(float))[~np.eye(count, dtype=bool)]
    assert abs(together).max() < 5 / math.sqrt(2000)
    assert asked.rows(7).tolist() == asked.rows(7).tolist() != asked.rows(8).tolist()


@pytest.mark.parametrize("name, accountant", [("prv", PRVAccountant), ("rdp", RDPAccountant)])
def test_what_is_spent_is_what_opacus_accountant_says(made, name, accountant) -> None:
    asked, _ = private(made, "encoder", {"epsilon": 3.0, "delta": 1e-3, "accountant": name}, steps=20)
    theirs = accountant()
    for _ in range(20):
        theirs.step(noise_multiplier=asked.noise_multiplier, sample_rate=8 / 32)
    spent = asked.spent(20)
    assert spent["epsilon"] == pytest.approx(theirs.get_epsilon(delta=1e-3), abs=1e-5)
    assert 2.9 < spent["epsilon"] <= 3.0 + 1e-6
    assert asked.spent(10)["epsilon"] < spent["epsilon"]


class Stops(Spool):
    """Dies at the first validation, as a killed process does."""

    def metrics(self, step, values) -> None:
        super().metrics(step, values)
        if "validation_loss" in values:
            raise KeyboardInterrupt


def test_a_killed_run_ends_with_the_same_bits_and_the_same_budget(made, tmp_path) -> None:
    params = params_for(made, best="loss", checkpoint_seconds=1e-9)
    whole = run_finetune(params, made, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_finetune(params, made, tmp_path / "cut", Stops("f", directory=tmp_path / "cut"))
    assert list((tmp_path / "cut").glob("f-k/step-*"))
    resumed = run_finetune(params, made, tmp_path / "cut")
    assert resumed == whole and resumed["privacy"]["steps"] == whole["last_step"] == 12
    files = [(tmp_path / run / "model" / "model.safetensors").read_bytes() for run in ("whole", "cut")]
    assert files[0] == files[1]


def test_little_noise_learns_and_much_noise_does_not(made, tmp_path) -> None:
    settings = {"epochs": 10.0, "learning_rate": 0.01, "best": "accuracy"}
    found = {
        noise: run_finetune(
            params_for(made, privacy=NOISY | {"noise_multiplier": noise}, **settings),
            made,
            tmp_path / str(noise),
        )
        for noise in (0.05, 50.0)
    }
    assert found[0.05]["validation_accuracy"] == 1.0 > found[50.0]["validation_accuracy"]
    assert found[50.0]["privacy"]["epsilon"] < 0.5 < found[0.05]["privacy"]["epsilon"]


def test_a_secret_of_the_environment_changes_rows_and_noise(made, monkeypatch) -> None:
    public, _ = private(made, "encoder")
    monkeypatch.setenv(SECRET, "only we know")
    secret, _ = private(made, "encoder")
    assert any(public.rows(step).tolist() != secret.rows(step).tolist() for step in range(5))
    draws = [torch.rand(1, generator=asked.noise(0)).item() for asked in (public, secret)]
    assert draws[0] != draws[1]
    assert (secret.spent(1)["noise_seed"], public._seed) == ("secret", 5)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"privacy": {"delta": 1e-3}}, "expected either epsilon or noise_multiplier"),
        ({"privacy": NOISY | {"epsilon": 1.0}}, "expected either epsilon or noise_multiplier"),
        ({"control": "random"}, "spends as much again"),
        ({"class_weights": "balanced"}, "counted from the rows without noise"),
        ({"faults": "skip"}, "let losses without noise decide"),
        ({"spike": 3.0}, "let losses without noise decide"),
    ],
)
def test_what_would_leak_is_refused(made, changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        params_for(made, **changes)


def test_a_delta_that_gives_a_row_away_is_refused(made) -> None:
    with pytest.raises(UserError, match=r"privacy.delta: expected less than 1 / 32 .*, found 0.1"):
        private(made, "encoder", NOISY | {"delta": 0.1})


def test_the_report_and_the_version_say_what_was_spent(made, tmp_path) -> None:
    from textmill.files import write_json
    from textmill.registry.manifest import training_privacy
    from textmill.report.model_section import training_facts
    from textmill.tracking.hashes import file_hash
    from textmill.tracking.lockfile import StageEntry

    asked, _ = private(made, "encoder")
    report = {"steps": 12, "privacy": asked.spent(12)}
    (fact,) = [text for name, text in training_facts(report) if name == "privacy"]
    assert fact.startswith(f"({report['privacy']['epsilon']:.4g}, 0.001)-differentially private")
    write_json(tmp_path / "reports/finetune/r.json", report)
    outs = {
        "models/tasks/r": "x.dir",
        "reports/finetune/r.json": file_hash(tmp_path / "reports/finetune/r.json"),
    }
    entry = StageEntry("finetune@r", "cmd", {}, {}, outs)
    assert training_privacy(tmp_path, entry) == report["privacy"]
    write_json(tmp_path / "reports/finetune/r.json", {"privacy": {"epsilon": 0.0}})
    assert training_privacy(tmp_path, entry) is None
