"""Several processes train one model: the curve of one process, and a result that no kill changes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
PARAMS = {
    "architecture": "decoder", "layers": 2, "hidden": 32, "heads": 2, "feed_forward": 48, "context": 32,
    "batch": 7, "steps": 6, "learning_rate": 0.005, "embedding_learning_rate": 0.002, "log_every": 1,
    "validations": 2, "validation_tokens": 600, "checkpoint_seconds": 1e9, "precision": "fp32",
}  # fmt: skip

RUN = """
import json, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from runs import run
from textmill.processes import die_with_parent
from textmill.training.ranks import join, place
die_with_parent()
tokens, cases = Path(sys.argv[1]), json.loads(sys.argv[2])
for launcher, folder, changes in cases:
    join(launcher, "cpu")
    report = run(tokens, Path(folder), changes)
    if place().is_first:
        Path(folder, "report.json").write_text(json.dumps(report))
"""


def run(tokens: Path, folder: Path, changes: dict) -> dict:
    from textmill.config.pretrain import Pretrain
    from textmill.progress import Progress
    from textmill.training.checkpoints import Checkpoints
    from textmill.training.device import prepare
    from textmill.training.events import Spool
    from textmill.training.pretrain_run import pretrain

    prepare(1, 11)
    return pretrain(
        Pretrain(**{**PARAMS, **changes}), 11, tokens / "tokens", tokens / "tokenizer", folder / "model",
        Checkpoints("pretrain", "key", folder / "checkpoints"), Spool("pretrain", directory=folder),
        Progress("test"),
    )  # fmt: skip


def start(tokens: Path, folder: Path, cases: list) -> subprocess.Popen:
    """Start two processes by torchrun that train `cases` (launcher, folder, changes) one after the other."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runs.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    script = folder / "run.py"
    script.write_text(RUN.format(paths=[str(ROOT / "src"), str(folder)]), encoding="utf-8")
    return subprocess.Popen(
        [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script),
            str(tokens), json.dumps(cases, default=str),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen, folder: Path) -> dict:
    """The report of a run that must end well."""
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def curve(report: dict, *names: str) -> np.ndarray:
    """Figures of a run, in order."""
    return np.array([point[name] for point in report["curve"] for name in names if name in point])


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


CASES = [("decoder", "ddp"), ("encoder", "fsdp")]
MORE = [("seq2seq", "ddp"), ("seq2seq", "fsdp"), ("decoder", "fsdp"), ("encoder", "ddp")]


@pytest.mark.parametrize("cases", [CASES, pytest.param(MORE, marks=pytest.mark.slow)])
def test_two_processes_have_the_curve_of_one(token_folder, tmp_path, cases) -> None:
    """Seven rows do not divide by two, and rows are computed in parts; Muon and an average take part."""
    changes = {"rows_at_once": 2, "average": 0.9, "first_line": 0.4}
    asked = [
        (launcher, tmp_path / f"{architecture}-{launcher}", {**changes, "architecture": architecture})
        for architecture, launcher in cases
    ]
    process = start(token_folder, tmp_path, asked)
    alone = [run(token_folder, tmp_path / f"alone-{number}", each[2]) for number, each in enumerate(asked)]
    for number, ((_, folder, _), one) in enumerate(zip(asked, alone, strict=True)):
        same(one, finished(process, folder), tmp_path / f"alone-{number}", folder)


def same(one: dict, two: dict, alone: Path, shared: Path) -> None:
    from safetensors.torch import load_file

    losses = [curve(report, "loss", "validation_loss") for report in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    norms = [curve(report, "gradient_norm") for report in (one, two)]
    # Muon rounds to bf16, which makes large differences of the smallest.
    assert norms[1] == pytest.approx(norms[0], rel=5e-3)
    assert [point["tokens"] for point in two["curve"]] == [point["tokens"] for point in one["curve"]]
    saved = [load_file(folder / "model" / "model.safetensors") for folder in (alone, shared)]
    assert saved[0].keys() == saved[1].keys()
    for name, weight in saved[0].items():
        assert saved[1][name].numpy() == pytest.approx(weight.numpy(), abs=2e-3), name
    configs = [(folder / "model" / "config.json").read_text() for folder in (alone, shared)]
    assert configs[0] == configs[1], "the saved model must be the plain class"


def kill(process: subprocess.Popen, whom: str) -> None:
    """Kill one rank, or torchrun, whose ranks must die with it."""
    agent = psutil.Process(process.pid)
    ranks = agent.children()
    assert len(ranks) == 2
    (random.Random(3).choice(ranks) if whom == "one rank" else agent).send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert psutil.wait_procs(ranks, timeout=10)[1] == [], "a rank outlived the others"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "launcher", "whom"),
    [("seq2seq", "ddp", "one rank"), ("encoder", "fsdp", "all"), ("decoder", "ddp", "all")],
)
def test_a_kill_changes_no_bit_of_two_processes(token_folder, tmp_path, architecture, launcher, whom) -> None:
    changes = {
        "architecture": architecture, "steps": 60, "first_line": 0.5, "average": 0.9, "rows_at_once": 3,
        "precision": "bf16", "log_every": 5,
    }  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    reference = finished(start(token_folder, whole, [(launcher, whole, changes)]), whole)
    often = {**changes, "checkpoint_seconds": 1e-9}
    process = start(token_folder, killed, [(launcher, killed, often)])
    deadline = time.monotonic() + 60
    while not list((killed / "checkpoints").glob("*/step-*[1-9]*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    kill(process, whom)
    assert list((killed / "checkpoints").glob("*/step-*")) and not (killed / "report.json").exists(), (
        "too late"
    )
    assert finished(start(token_folder, killed, [(launcher, killed, changes)]), killed) == reference
    assert weights(killed) == weights(whole)


def stage(tokens: Path, folder: Path, **changes) -> subprocess.Popen:
    """Start the stage itself in `folder`, as `dvc repro` does."""
    from ruamel.yaml import YAML

    for name, target in (("data/tokens", "tokens"), ("models/tokenizer", "tokenizer")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            (folder / name).symlink_to(tokens / target)
    params = {"seed": 11, "train": {"launcher": "ddp"}, "pretrain": {"decoder": {**PARAMS, **changes}}}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(params, file)
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.pretrain", "decoder"], cwd=folder,
        stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
    )  # fmt: skip


def ranks_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The two processes of a stage, once they are there and train."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        ranks = [
            each for each in psutil.Process(process.pid).children() if "pipelines.pretrain" in each.cmdline()
        ]
        if len(ranks) == 2:
            return ranks
        time.sleep(0.02)
    raise AssertionError(f"two processes expected: {process.communicate()[1]}")


@pytest.mark.slow
def test_the_stage_starts_its_processes_and_none_outlives_it(token_folder, tmp_path) -> None:
    """One rank killed: the stage says so and goes on afterwards. The stage killed: nothing is left."""
    often = {"steps": 4000, "checkpoint_seconds": 1e-9}
    process = stage(token_folder, tmp_path, **often)
    ranks = ranks_of(process)
    while not list(tmp_path.glob(".textmill/checkpoints/*/step-*[1-9]*")) and process.poll() is None:
        time.sleep(0.01)
    ranks[1].kill()
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 2 and "process 1 of those that train was ended by SIGKILL" in said
    # The other rank may still write that its peer is gone; what the stage says comes last.
    assert "process 1 of those that train" in said.strip().splitlines()[-1]
    process = stage(token_folder, tmp_path, **often)
    ranks = ranks_of(process)
    process.kill()
    process.communicate(timeout=60)
    assert psutil.wait_procs(ranks, timeout=10)[1] == [], "a rank outlived the stage"
    process = stage(token_folder, tmp_path)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0 and said.count("done in") == 1 and said.count("parameters") == 1, said
    assert (tmp_path / "models/pretrained/decoder/model.safetensors").is_file()
    assert not list(tmp_path.glob(".textmill/checkpoints/*"))
