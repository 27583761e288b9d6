"""Threads of this very process, for work that libraries do without holding Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def usable_cores() -> int:
    """How many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Threads:
    """`workers` threads; with one, the calling thread does the work."""

    workers: int

    @property
    def name(self) -> str:
        """As messages call it."""
        return "threads"

    @property
    def width(self) -> int:
        """How many work at the same time."""
        return self.workers

    def prepare(self, folders: Sequence[Path]) -> None:
        """Nothing to prepare: every thread sees what this one sees."""

    def map(
        self, what: str, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """See `textmill.corpus.engines.Engine.map`; nothing is pickled."""
        if min(self.workers, len(items)) < 2:
            for index, item in enumerate(items):
                yield index, function(item)
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix=what)
        try:
            futures = {pool.submit(function, item): index for index, item in enumerate(items)}
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
