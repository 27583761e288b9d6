"""What a `kill -9` in the middle of clean costs, and what it costs to be ready for one."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import corpus, stages
from benchmarks.processes import compared
from benchmarks.workspace import ROOT
from textmill.config.clean import Clean
from textmill.corpus.cleaning.pipeline import cleaner
from textmill.corpus.engines import Local
from textmill.corpus.mapping import map_shards
from textmill.corpus.shards import shard_paths

TITLE = "Crash"
SHARDS, WORKERS, KILLS, ROUNDS = 40, 2, 4, 5
NOTE = (
    "The shared corpus in 40 shards, cleaned by 2 workers. The process is killed with SIGKILL at a random "
    "moment, four times in a row, then runs to its end. A shard is redone when a worker began it and a later "
    "run began it again. What it costs to keep finished shards is measured with one worker, in fresh "
    "processes that alternate."
)


def rows() -> list[tuple[str, str, str, str]]:
    """Measure: (claim, goal, measured, met)."""
    source = corpus.build()
    raw = source.with_name("raw")
    with tempfile.TemporaryDirectory(prefix="textmill-crash-") as name:
        root = Path(name)
        stages.every(raw if raw.is_dir() else source, root / "raw", 1, SHARDS)
        lost = [killed(root, kill) for kill in range(KILLS)]
        subprocess.run(_command(root), cwd=ROOT, env=_environment(), check=True)
        map_shards(cleaner(Clean()), root / "raw", root / "undisturbed", workers=WORKERS)
        differing = sum(
            path.read_bytes() != (root / "undisturbed" / path.name).read_bytes()
            for path in shard_paths(root / "clean")
        )
        costs = compared({"kept": (_clean, (root, True)), "not kept": (_clean, (root, False))}, rounds=ROUNDS)
    redone = max(lost)
    more = costs["kept"].cpu / costs["not kept"].cpu - 1
    wall = costs["kept"].wall / costs["not kept"].wall - 1
    return [
        (
            f"shards begun and lost by a kill, worst of {KILLS}, per worker",
            "≤ 1",
            f"{redone / WORKERS:g} (per kill {', '.join(map(str, lost))} of {SHARDS}, {WORKERS} workers)",
            "yes" if redone <= WORKERS else "no",
        ),
        (
            "shards whose bytes differ from those of an undisturbed run",
            "0",
            f"{differing} of {SHARDS}",
            "yes" if not differing else "no",
        ),
        (
            "keeping finished shards, CPU time",
            "≤ +5 %",
            f"{more:+.1%} ({costs['not kept'].cpu:.2f} s, {costs['kept'].cpu:.2f} s; wall {wall:+.1%})",
            "yes" if more <= 0.05 else "no",
        ),
    ]


def killed(root: Path, seed: int) -> int:
    """Kill a run at a random moment after its first new shard; return how many shards it had only begun."""
    before = _kept(root)
    with subprocess.Popen(_command(root), cwd=ROOT, env=_environment(), start_new_session=True) as process:
        while process.poll() is None and not _kept(root) - before:
            time.sleep(0.005)
        time.sleep(random.Random(seed).uniform(0, 1))
        process.kill()
    time.sleep(0.2)
    return len(list((root / "finished").glob("clean-*/.part-*.tmp")))


def _kept(root: Path) -> set[str]:
    return {path.parent.name for path in (root / "finished").glob("clean-*/part-*/seal.json")}


def _command(root: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.corpus_crash", str(root)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}


def _clean(root: Path, keep: bool) -> Callable[[], int]:
    stages.on_cores(1)
    operator, target = cleaner(Clean()), root / "measured"
    finished = root / "measured-finished" if keep else None
    shutil.rmtree(target, ignore_errors=True)
    return lambda: map_shards(operator, root / "raw", target, engine=Local(1), finished=finished)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    map_shards(
        cleaner(Clean()), folder / "raw", folder / "clean", workers=WORKERS, finished=folder / "finished"
    )
