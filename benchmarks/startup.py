"""How soon the command line answers."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

TITLE = "Start-up"
NOTE = (
    "Medians of nine fresh processes, the files in the page cache; CPU seconds, and wall seconds beside them."
)


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Claim, goal, measured, met."""
    for arguments in (["--help"], ["generate", "--help"], ["params", "list"]):
        command = [sys.executable, "-m", "textmill.cli", *arguments]
        cpu, wall = [], []
        for _ in range(9):
            before, start = _children(), time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            wall.append(time.perf_counter() - start)
            cpu.append(_children() - before)
        spent = statistics.median(cpu)
        yield (
            f"`textmill {' '.join(arguments)}`", "≤ 0.3 s",
            f"{spent:.2f} s of CPU, {statistics.median(wall):.2f} s on the clock",
            "yes" if spent <= 0.3 else "no",
        )  # fmt: skip


def _children() -> float:
    """CPU seconds of all processes that were started and have ended."""
    spent = os.times()
    return spent.children_user + spent.children_system
