"""Measure a function in a process of its own: wall seconds, CPU seconds, peak memory; the peer beside it."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import psutil


@dataclass(frozen=True)
class Cost:
    """What one measured call cost.

    Attributes:
        wall: seconds.
        cpu: CPU seconds of the process and of the children it waited for.
        peak: bytes of resident memory above what was held before the call, children included.
        value: what the function returned (it must be picklable and small).
        held: bytes of resident memory before the call.
    """

    wall: float
    cpu: float
    peak: int
    value: Any
    held: int = 0

    @property
    def most(self) -> int:
        """The most bytes of resident memory during the call."""
        return self.held + self.peak


def compared(
    works: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]], rounds: int = 3
) -> dict[str, Cost]:
    """Run each work `rounds` times, in turn, and return the medians by name.

    Args:
        works: by name a module-level function and its arguments. The function prepares (imports, opens
            files) and returns a function without arguments, which is what is measured.
        rounds: how many times; the works alternate, so that what else the machine does hits all of them.

    Raises:
        RuntimeError: a work failed; the message holds its traceback.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, (function, arguments) in works.items():
            costs[name].append(once(function, *arguments))
    return {
        name: Cost(
            statistics.median(cost.wall for cost in found),
            statistics.median(cost.cpu for cost in found),
            int(statistics.median(cost.peak for cost in found)),
            found[-1].value,
            int(statistics.median(cost.held for cost in found)),
        )
        for name, found in costs.items()
    }


def once(function: Callable[..., Any], *arguments: Any) -> Cost:
    """Prepare and run one work in a fresh process; see `compared`."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        failed, result = receiver.recv()
    except EOFError:
        failed, result = True, "the process ended without an answer"
    process.join()
    if failed:
        raise RuntimeError(f"{function.__module__}.{function.__name__}: {result}")
    return result


def _measured(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        work = function(*arguments)
        before = _memory(psutil.Process())
        peak, done = [before], threading.Event()
        watcher = threading.Thread(target=_watch, args=(peak, done), daemon=True)
        watcher.start()
        cpu, wall = _cpu(), time.perf_counter()
        value = work()
        wall, cpu = time.perf_counter() - wall, _cpu() - cpu
        done.set()
        watcher.join()
        sender.send((False, Cost(wall, cpu, peak[0] - before, value, before)))
    except BaseException:
        sender.send((True, traceback.format_exc()))


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _watch(peak: list[int], done: threading.Event) -> None:
    process = psutil.Process()
    while not done.wait(0.02):
        peak[0] = max(peak[0], _memory(process))


def _memory(process: psutil.Process) -> int:
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_info().rss
        except psutil.Error:
            continue
    return total
