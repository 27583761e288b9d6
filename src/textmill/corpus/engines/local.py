"""The embedded engine: a pool of processes on this machine, or this very process."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from textmill.arrow import arrow_without_pandas
from textmill.errors import UserError
from textmill.processes import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

_function: Callable[[Any], Any]


@dataclass(frozen=True)
class Local:
    """`workers` processes of this machine; with one, the calling process does the work."""

    workers: int = 1

    @property
    def name(self) -> str:
        """As params.yaml names it."""
        return "local"

    @property
    def width(self) -> int:
        """How many work at the same time."""
        return self.workers

    def prepare(self, folders: Sequence[Path]) -> None:
        """Nothing to prepare: every worker sees what this process sees."""

    def map(
        self, what: str, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """See `textmill.corpus.engines.Engine.map`."""
        workers = min(self.workers, len(items))
        if workers < 2:
            for index, item in enumerate(items):
                yield index, function(item)
            return
        pool = ProcessPoolExecutor(
            workers,
            # A forked child would inherit the locks of whatever threads the parent has.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            # Pickled here and not by the pool, whose processes would each end with a traceback.
            initargs=(_pickled(what, function),),
        )
        try:
            futures = {pool.submit(_work, item): index for index, item in enumerate(items)}
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        except BrokenProcessPool:
            raise UserError(
                f"{what}: a worker process was killed from outside, most likely because memory ran out. "
                "Lower run.workers in params.yaml and run the same command again."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _pickled(what: str, function: Callable[[Any], Any]) -> bytes:
    try:
        return pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"{what} cannot be sent to another process ({error}). Set run.workers to 1 in params.yaml, or "
            "make it of functions that a module defines."
        ) from None


def _start_worker(function: bytes) -> None:
    global _function
    die_with_parent()
    arrow_without_pandas()
    pa.set_cpu_count(1)
    # The pool has a process for each core; a library's own threads would only get in their way.
    os.environ["RAYON_NUM_THREADS"] = "1"
    _function = pickle.loads(function)  # noqa: S301 - written by the parent of this process


def _work(item: Any) -> Any:
    return _function(item)
