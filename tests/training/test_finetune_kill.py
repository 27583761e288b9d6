"""kill -9 of a fine-tuning run, alone and of one of two processes: the final bits are those of no kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = [("good film", "up"), ("好看的电影", "up"), ("bad film", "down"), ("真难看，很难", "down")]

RUN = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, {source!r})
from textmill.config.finetune import Finetune
from textmill.processes import die_with_parent
from textmill.progress import Progress
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.finetuning.load import load_objective
from textmill.training.finetuning.run import finetune
from textmill.training.ranks import join, place
die_with_parent()
params, data, folder = Finetune(**json.loads(sys.argv[1])), sys.argv[2], Path(sys.argv[3])
if "RANK" in os.environ:
    join(sys.argv[4], "cpu")
prepare(1, 5)
report = finetune(
    load_objective(params, 5, data), folder / "model", False, Checkpoints("f", "k", folder / "checkpoints"),
    Spool("f", directory=folder), Progress("test"),
)
if place().is_first:
    (folder / "report.json").write_text(json.dumps(report))
"""


def write_base(folder: Path, architecture: str) -> Path:
    import torch

    from textmill.modeling.architectures import Shape, build
    from textmill.modeling.saving import save_model
    from textmill.tokenization.bpe import assemble
    from textmill.tokenization.directory import save_tokenizer

    torch.manual_seed(1)
    model = build(architecture, Shape(1, 32, 2, 48, 64, 294))
    save_model(model, folder, lambda to: save_tokenizer(assemble([]), to, architecture, 64))
    return folder


def write_data(folder: Path) -> Path:
    import pyarrow as pa

    from textmill.corpus.shards import write_table

    for split, times in (("train", 5), ("validation", 1)):
        rows = ROWS * times + ROWS[:1]
        schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
        columns = {name: [row[place] for row in rows] for place, name in enumerate(("input", "target"))}
        write_table(folder / f"{split}.parquet", pa.table(columns, schema=schema))
    return folder


def start(params: dict, data: Path, folder: Path, launcher: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    script = folder / "run.py"
    script.write_text(RUN.format(source=str(ROOT / "src")), encoding="utf-8")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = [str(script), json.dumps(params), str(data), str(folder), launcher]
    return subprocess.Popen(
        [sys.executable, *(torchrun if launcher != "single" else []), *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def outcome(process: subprocess.Popen, folder: Path) -> tuple[dict, bytes]:
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report, (folder / "model" / "model.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "launcher"), [("encoder", "single"), ("seq2seq", "ddp"), ("encoder", "fsdp")]
)
def test_a_killed_fine_tuning_ends_with_the_bits_of_an_undisturbed_one(tmp_path, architecture, launcher):
    """21 rows in batches of 5: the last batch of an epoch has one row, none for the second process."""
    params = {
        "task": "t", "base": str(write_base(tmp_path / "base", architecture)), "epochs": 16.0, "batch": 5,
        "objective": "classification" if architecture == "encoder" else "generation", "dropout": 0.1,
        "learning_rate": 0.01, "max_input_tokens": 40, "validations": 4,
    }  # fmt: skip
    data = write_data(tmp_path / "data")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    reference = outcome(start(params, data, whole, launcher), whole)
    process = start({**params, "checkpoint_seconds": 1e-9}, data, killed, launcher)
    deadline = time.monotonic() + 60
    while not list(killed.glob("checkpoints/*/step-*[1-9]*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(random.Random(launcher).uniform(0, 0.1))
    victims = psutil.Process(process.pid).children() or [psutil.Process(process.pid)]
    victims[-1].send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert psutil.wait_procs(victims, timeout=10)[1] == [] and not (killed / "report.json").exists()
    assert outcome(start(params, data, killed, launcher), killed) == reference
