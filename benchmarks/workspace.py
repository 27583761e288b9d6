"""A fresh clone to measure in, and the memory of everything that a command starts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measured:
    """What one command cost: wall seconds, CPU seconds, peak memory in bytes, exit status, output."""

    wall: float
    cpu: float
    peak: int
    status: int
    output: str


def clone(directory: Path) -> Path:
    """Clone the committed state of this repository into `directory` and return the clone's root."""
    if directory.exists():
        shutil.rmtree(directory)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(directory)], check=True)
    return directory


def environment(root: Path, cache: Path | None = None) -> dict[str, str]:
    """The environment in which commands of the clone run its own code with this interpreter."""
    variables = dict(os.environ)
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    variables["PYTHONPATH"] = f"{root / 'src'}{os.pathsep}{root}"
    if cache is not None:
        variables["TEXTMILL_CACHE"] = str(cache)
    return variables


def measure(command: list[str], root: Path, variables: dict[str, str]) -> Measured:
    """Run `command` in `root` and sample the memory of it and of all it starts, twice a second.

    Memory is the proportional set size where the system tells it (pages shared by forked workers
    count once), else the resident set size. CPU seconds are those of finished children.
    """
    before = os.times()
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=root, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = [0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, done), daemon=True)
    watcher.start()
    output = process.communicate()[0]
    done.set()
    watcher.join()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Measured(time.monotonic() - started, cpu, peak[0], process.returncode, output)


def _watch(pid: int, peak: list[int], done: threading.Event) -> None:
    while not done.wait(0.5):
        peak[0] = max(peak[0], _tree_memory(pid))


def _tree_memory(pid: int) -> int:
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in processes:
        try:
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total
