"""Two processes beside one: loss curve and scaling efficiency; and how soon a stage takes its first step."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.workspace import ROOT

TITLE = "Two processes, and start-up"
STEPS = int(os.environ.get("TEXTMILL_BENCH_STEPS", "12"))
SHAPE = {
    "architecture": "decoder", "layers": 6, "hidden": 256, "heads": 4, "feed_forward": 688, "context": 256,
    "batch": 16, "steps": STEPS, "learning_rate": 0.0006, "optimizer": "adamw", "log_every": 1,
    "validations": 1, "validation_tokens": 1, "checkpoint_seconds": 1e9,
}  # fmt: skip
SMALL = {
    **SHAPE,
    "layers": 2,
    "hidden": 128,
    "heads": 2,
    "feed_forward": 320,
    "steps": 30,
    "precision": "fp32",
}
DEFAULT = {**SHAPE, "layers": 2, "hidden": 128, "heads": 2, "feed_forward": 320, "steps": 3}
NOTE = """\
The pretrain stage itself, one thread a process, gloo. Curves: two layers of width 128 in fp32. Scaling: \
the six-layer reference in bf16; wall time of a step after the second, as the spool shows it. Efficiency \
below one half means that the second process gains nothing, as on a machine whose cores are taken."""


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    with tempfile.TemporaryDirectory(prefix="textmill-distributed-") as name:
        root = _workspace(Path(name))
        return [*_curves(root), *_scaling(root), *_start_up(root)]


def _workspace(root: Path) -> Path:
    """Token shards of random tokens and a tokenizer, as the stage reads them."""
    import numpy as np

    from textmill.tokenization.bpe import assemble
    from textmill.tokenization.directory import save_tokenizer
    from textmill.tokenization.packing import write_shard

    letters = [chr(code) for code in range(ord("!"), ord("~"))]
    pairs = [(one, other) for one in letters for other in letters]
    save_tokenizer(assemble(pairs[:7900]), root / "models" / "tokenizer")
    for split, tokens in (("train", 1 << 19), ("validation", 1 << 13)):
        (root / "data" / "tokens" / split).mkdir(parents=True)
        ids = np.random.default_rng(1).integers(300, 8000, tokens).astype(np.uint16)
        bounds = np.arange(0, tokens + 1, 512, dtype=np.uint64)
        write_shard(root / "data" / "tokens" / split / "part-00000.bin", ids, bounds)
    return root


def _train(root: Path, launcher: str, shape: dict[str, Any]) -> dict[str, Any]:
    """Run the stage: losses, wall seconds until the first step was seen and of a step after the second."""
    from ruamel.yaml import YAML

    shutil.rmtree(root / ".textmill", ignore_errors=True)
    params = {"seed": 1, "train": {"launcher": launcher}, "pretrain": {"decoder": shape}}
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(params, file)
    paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.pretrain", "decoder"],
        cwd=root, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        times = _times_of_steps(root, process)
    if process.returncode:
        raise RuntimeError(f"the stage failed with {launcher}")
    report = json.loads((root / "reports/pretrain/decoder.json").read_text(encoding="utf-8"))
    steps = max(times)
    return {
        "losses": [point["loss"] for point in report["curve"]],
        "first": times[1] - begun,
        "seconds": (times[steps] - times[2]) / (steps - 2),
    }


def _times_of_steps(root: Path, process: subprocess.Popen[bytes]) -> dict[int, float]:
    """When each step was seen in the spool."""
    seen: dict[int, float] = {}
    spool = root / ".textmill/events/pretrain@decoder.jsonl"
    while process.poll() is None:
        time.sleep(0.005)
        if spool.exists():
            lines = spool.read_text(encoding="utf-8").splitlines()
            now = time.monotonic()
            for line in lines:
                if '"step"' in line and '"loss"' in line and line.endswith("}"):
                    seen.setdefault(json.loads(line)["step"], now)
    return seen


def _curves(root: Path) -> list[tuple[str, str, str, str]]:
    found = []
    one = _train(root, "single", SMALL)["losses"]
    for launcher in ("ddp", "fsdp"):
        two = _train(root, launcher, SMALL)["losses"]
        worst = max(abs(a - b) / b for a, b in zip(two, one, strict=True))
        claim = f"{launcher}: loss curve of two processes against one, {SMALL['steps']} steps in fp32"
        found.append((claim, "≤ 1e-5", f"{worst:.1e}, largest relative", "yes" if worst <= 1e-5 else "no"))
    return found


def _scaling(root: Path) -> list[tuple[str, str, str, str]]:
    found = []
    one = _train(root, "single", SHAPE)["seconds"]
    for launcher in ("ddp", "fsdp"):
        two = _train(root, launcher, SHAPE)["seconds"]
        measured = (
            f"{one / two / 2:.0%} ({one * 1000:,.0f} ms a step with one, {two * 1000:,.0f} ms with two)"
        )
        found.append((f"{launcher}: scaling efficiency of two processes", "reported", measured, "–"))
    return found


def _start_up(root: Path) -> list[tuple[str, str, str, str]]:
    found = []
    for launcher, words in (("single", "one process"), ("ddp", "two processes by torchrun")):
        seconds = _train(root, launcher, DEFAULT)["first"]
        found.append(
            (
                f"from the start of the stage to its first step, {words}, the default decoder",
                "≤ 15 s",
                f"{seconds:.1f} s",
                "yes" if seconds <= 15 else "no",
            )
        )
    return found
