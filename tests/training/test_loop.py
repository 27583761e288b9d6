"""The loop: learning, exact resume after a kill, checkpoints that are never wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from textmill.config.pretrain import Pretrain
from textmill.errors import UserError
from textmill.progress import Progress
from textmill.training.batches import Batch, Part
from textmill.training.checkpoints import Checkpoints, run_key
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.loop import Plan, fit
from textmill.training.optimizers import adamw
from textmill.training.pretrain_run import pretrain
from textmill.training.schedule import trapezoid

PARAMS = {
    "architecture": "decoder", "layers": 1, "hidden": 32, "heads": 2, "feed_forward": 48, "context": 32,
    "batch": 8, "steps": 30, "learning_rate": 0.02, "embedding_learning_rate": 0.01, "log_every": 5,
    "validations": 3, "validation_tokens": 600, "checkpoint_seconds": 1e9,
}  # fmt: skip


def run_pretrain(tokens: Path, folder: Path, **changes) -> dict:
    params = Pretrain(**{**PARAMS, **changes})
    prepare(1, 11)
    checkpoints = Checkpoints("pretrain", "key", folder / "checkpoints")
    spool = Spool("pretrain", directory=folder / "events")
    return pretrain(
        params, 11, tokens / "tokens", tokens / "tokenizer", folder / "model", checkpoints, spool,
        Progress("test"),
    )  # fmt: skip


KILLED = """
import sys, json
from pathlib import Path
sys.path[:0] = {paths!r}
import textmill.training.loop as loop
from test_loop_under_kill import run_pretrain
run_pretrain(Path({tokens!r}), Path({folder!r}), checkpoint_seconds=1e-9, **json.loads({changes!r}))
"""


@pytest.mark.parametrize(
    "architecture",
    [
        "seq2seq",
        pytest.param("encoder", marks=pytest.mark.slow),
        pytest.param("decoder", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_with_the_bits_of_an_undisturbed_one(token_folder, tmp_path, architecture) -> None:
    changes = {
        "architecture": architecture, "steps": 60, "first_line": 0.5, "average": 0.9, "schedule": "cosine",
        "rows_at_once": 3, "spike": 4.0, "faults": "skip",
    }  # fmt: skip
    undisturbed = run_pretrain(token_folder, tmp_path / "whole", **changes)
    killed = tmp_path / "killed"
    module = tmp_path / "test_loop_under_kill.py"
    module.write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    root = Path(__file__).resolve().parents[2]
    script = KILLED.format(
        paths=[str(root / "src"), str(tmp_path)], tokens=str(token_folder), folder=str(killed),
        changes=json.dumps(changes),
    )  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 60
    while (
        not list((killed / "checkpoints").glob("pretrain-key/step-*[1-9]*")) and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, "the run was over before it was killed"
    done = Checkpoints("pretrain", "key", killed / "checkpoints").load()
    assert done is not None and 0 < done[0] < 60
    resumed = run_pretrain(token_folder, killed, **changes)
    assert resumed == undisturbed
    weights = [
        (folder / "model" / "model.safetensors").read_bytes() for folder in (tmp_path / "whole", killed)
    ]
    assert weights[0] == weights[1]


def test_training_learns_and_repeats_itself_bit_for_bit(token_folder, tmp_path) -> None:
    first = run_pretrain(token_folder, tmp_path / "first")
    again = run_pretrain(token_folder, tmp_path / "again")
    assert first == again
    assert (tmp_path / "first/model/model.safetensors").read_bytes() == (
        tmp_path / "again/model/model.safetensors"
    ).read_bytes()
    assert first["curve"][0]["loss"] > 5 > 3 > first["validation_loss"]
    assert [point["step"] for point in first["curve"]] == [1, 5, 10, 15, 20, 25, 30]
    assert [point["step"] for point in first["curve"] if "validation_loss" in point] == [10, 20, 30]
    assert not {"seconds", "tokens_per_second"} & set().union(*first["curve"])
    other = run_pretrain(token_folder, tmp_path / "other", learning_rate=0.01)
    assert other["loss"] != first["loss"]


def test_the_spool_tells_time_and_the_end(token_folder, tmp_path) -> None:
    report = run_pretrain(token_folder, tmp_path)
    events = [json.loads(line) for line in (tmp_path / "events/pretrain.jsonl").read_text().splitlines()]
    assert events[0]["event"] == "start" and events[0]["params"]["hidden"] == 32
    assert events[0]["datasets"][0]["rows"] == 180
    metrics = [event for event in events if event["event"] == "metrics"]
    assert any(event["values"].get("tokens_per_second", 0) > 0 for event in metrics)
    assert any(0 < event["values"].get("model_flop_utilization", 0) < 1 for event in metrics)
    assert all(event["values"]["gradient_norm"] > 0 for event in metrics if "loss" in event["values"])
    assert events[-1] == {"event": "end", "values": events[-1]["values"]}
    assert events[-1]["values"]["validation_loss"] == report["validation_loss"]


def whole(loss):
    """Batches of one part from a function of the step."""
    return lambda step, rows: Batch(
        loss(step)[1], [Part(1.0, lambda: loss(step)[0])], lambda: f"rows [{step}]"
    )


def plan(**changes) -> Plan:
    settings = {
        "steps": 20, "batch": 1, "seed": 1, "learning_rate": 0.1, "warmup": 0.1, "decay": 0.5, "clip": 1.0,
        "log_every": 5, "validate_every": 4, "checkpoint_seconds": 1e9,
    }  # fmt: skip
    return Plan(**{**settings, **changes})


def test_the_best_weights_are_kept(tmp_path) -> None:
    """Validation says that the third of five is best; the model must end as it was then."""
    model = torch.nn.Linear(2, 1)
    seen, scores = [], iter([3.0, 2.0, 0.5, 0.7, 0.9])

    def validate():
        seen.append({name: weight.clone() for name, weight in model.named_parameters()})
        return {"loss": next(scores)}

    def loss(step):
        return model(torch.ones(1, 2)).square().sum() + 0.01 * step, 1

    run = fit(
        model, whole(loss), validate, adamw(model, 0.1, 0.0), plan(best=("loss", False)),
        Checkpoints("a", "b", tmp_path), Spool("a", directory=tmp_path), Progress("test"),
    )  # fmt: skip
    assert (run.best_step, run.best_value, len(seen)) == (12, 0.5, 5)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, seen[2][name])


def test_a_loss_that_is_not_a_number_names_step_and_remedy(tmp_path) -> None:
    model = torch.nn.Linear(1, 1)

    def loss(step):
        return model(torch.full((1, 1), float("nan") if step == 3 else 1.0)).sum(), 1

    with pytest.raises(
        UserError,
        match=r"loss became nan at step 4 of 20, which learns from rows \[3\]\. Lower learning_rate",
    ):
        fit(
            model, whole(loss), lambda: {"loss": 0.0}, adamw(model, 0.1, 0.0), plan(),
            Checkpoints("a", "b", tmp_path), Spool("a", directory=tmp_path), Progress("test"),
        )  # fmt: skip


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, capsys) -> None:
    checkpoints = Checkpoints("a", "b", tmp_path)
    assert checkpoints.load() is None
    checkpoints.save(3, {"tokens": 5}, {"x": torch.arange(4.0)})
    checkpoints.save(7, {"tokens": 9}, {"x": torch.arange(5.0)})
    step, state, tensors = checkpoints.load()
    assert (step, state, tensors["x"].tolist()) == (7, {"tokens": 9}, [0.0, 1.0, 2.0, 3.0, 4.0])
    file = checkpoints.folder / "step-00000007" / "tensors.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert checkpoints.load()[:2] == (3, {"tokens": 5})
    assert "step-00000007: damaged" in capsys.readouterr().err
    for step in (4, 5, 6):
        checkpoints.save(step, {}, {"x": torch.zeros(1)})
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["step-00000005", "step-00000006"]
    checkpoints.clear()
    assert not checkpoints.folder.exists()


def test_checkpoints_of_another_key_are_neither_used_nor_kept(tmp_path) -> None:
    Checkpoints("pretrain@a", "1" * 32, tmp_path).save(3, {}, {"x": torch.zeros(1)})
    Checkpoints("pretrain@a-b", "1" * 32, tmp_path).save(3, {}, {"x": torch.zeros(1)})
    assert Checkpoints("pretrain@a", "2" * 32, tmp_path).load() is None
    assert [path.name for path in tmp_path.iterdir()] == [f"pretrain@a-b-{'1' * 32}"]


def test_the_key_changes_with_params_and_data(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/part").write_text("one")
    keys = [run_key({"lr": 1}, [tmp_path / "data"]), run_key({"lr": 2}, [tmp_path / "data"])]
    assert run_key({"lr": 1}, [tmp_path / "data"]) == keys[0]
    (tmp_path / "data/part").write_text("two")
    keys.append(run_key({"lr": 1}, [tmp_path / "data"]))
    assert len(set(keys)) == 3


def test_the_schedule_rises_stays_and_falls() -> None:
    factors = [trapezoid(step, 100, 0.1, 0.5) for step in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9:50] == [1.0] * 41
    assert factors[-1] == pytest.approx(0.02) and factors == sorted(factors[:50]) + sorted(factors[50:])[::-1]


def test_a_shape_that_cannot_be_is_named() -> None:
    from textmill.config.load import validated

    with pytest.raises(UserError, match=r"pretrain\.decoder.*heads: expected to divide hidden \(32\)"):
        validated(Pretrain, {**PARAMS, "heads": 3}, "params.yaml: pretrain.decoder")


def test_a_model_may_declare_longer_inputs_than_its_windows(token_folder, tmp_path) -> None:
    from transformers import AutoConfig, AutoTokenizer

    run_pretrain(token_folder, tmp_path, steps=1, positions=96)
    assert AutoConfig.from_pretrained(tmp_path / "model").max_position_embeddings == 96
    assert AutoTokenizer.from_pretrained(tmp_path / "model").model_max_length == 96


@pytest.mark.parametrize(
    "architecture",
    ["decoder", "seq2seq", pytest.param("encoder", marks=pytest.mark.slow)],
)
def test_recomputed_activations_change_no_bit(token_folder, tmp_path, monkeypatch, architecture) -> None:
    from transformers import modeling_utils

    changes = {"architecture": architecture, "layers": 2, "steps": 4, "validations": 1}
    kept = run_pretrain(token_folder, tmp_path / "kept", **changes)
    calls, checkpoint = [], modeling_utils.checkpoint

    def counted(*arguments, **settings):
        calls.append(1)
        return checkpoint(*arguments, **settings)

    monkeypatch.setattr(modeling_utils, "checkpoint", counted)
    recomputed = run_pretrain(token_folder, tmp_path / "recomputed", **changes, recompute=True)
    assert len(calls) >= 4 * 2, "every layer of every step"
    assert recomputed == kept
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "kept/model" / name).read_bytes() == (
            tmp_path / "recomputed/model" / name
        ).read_bytes()


@pytest.mark.slow
def test_compiled_layers_learn_the_same_and_save_the_same_model(token_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    changes = {"steps": 8, "validations": 1, "precision": "fp32", "log_every": 1}
    plain = run_pretrain(token_folder, tmp_path / "plain", **changes)
    compiled = run_pretrain(token_folder, tmp_path / "whole", **changes, compile=True)
    losses = [[point["loss"] for point in report["curve"]] for report in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert list((tmp_path / "compiled").iterdir()), "nothing was compiled"
    shapes = [
        {
            name: weight.shape
            for name, weight in load_file(tmp_path / room / "model/model.safetensors").items()
        }
        for room in ("plain", "whole")
    ]
    assert shapes[0] == shapes[1]


def test_compiling_without_a_compiler_is_an_error_that_says_so(token_folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "absent"))
    with pytest.raises(UserError, match=r"compile: true, which needs a C\+\+ compiler.*compile: false"):
        run_pretrain(token_folder, tmp_path, compile=True)


@pytest.mark.parametrize("architecture", ["decoder", "encoder"])
def test_the_fused_kernel_attends_to_what_the_written_out_one_does(token_folder, tmp_path, architecture):
    """Documents that share a window stay apart with both."""
    changes = {
        "architecture": architecture, "steps": 3, "validations": 1, "log_every": 1, "precision": "fp32",
    }  # fmt: skip
    reports = [
        run_pretrain(token_folder, tmp_path / kernel, **changes, attention=kernel)
        for kernel in ("eager", "sdpa")
    ]
    losses = [[point["loss"] for point in report["curve"]] for report in reports]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    configs = [(tmp_path / kernel / "model/config.json").read_text() for kernel in ("eager", "sdpa")]
    assert configs[0] == configs[1]
