"""The embedded engine: this very process, and others on this machine beside it."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import pyarrow as pa

from textmill.allocator import tune_allocator
from textmill.arrow import arrow_without_pandas
from textmill.errors import UserError
from textmill.processes import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")

_function: Callable[[Any], Any]


@dataclass(frozen=True)
class Local:
    """`workers` processes of this machine; the calling process is one of them."""

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
            workers - 1,
            # A forked child would inherit the locks of whatever threads the parent has.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            # Pickled here and not by the pool, whose processes would each end with a traceback.
            initargs=(_pickled(what, function),),
        )
        shared = _Shared(pool, items)
        threads = pa.cpu_count()
        pa.set_cpu_count(1)
        try:
            # To start a process takes as long as several shards: this one works from the first moment.
            for _ in range(workers - 1):
                shared.feed()
            yield from shared.results(function)
        except BrokenProcessPool:
            raise UserError(
                f"{what}: a worker process was killed from outside, most likely because memory ran out. "
                "Lower run.workers in params.yaml and run the same command again."
            ) from None
        finally:
            shared.waiting.clear()
            pool.shutdown(wait=True, cancel_futures=True)
            pa.set_cpu_count(threads)


class _Shared:
    """Items that a pool and this process take in turn, one at a time, so that nobody waits for another.

    Attributes:
        waiting: the items that nobody has taken, with their places.
    """

    def __init__(self, pool: ProcessPoolExecutor, items: Sequence[Any]):
        self.waiting = deque(enumerate(items))
        self._pool, self._left = pool, len(items)
        self._done: SimpleQueue[tuple[int, Future[Any]]] = SimpleQueue()

    def feed(self) -> None:
        """Give the pool one item, and another one for each that it has done."""
        try:
            place, item = self.waiting.popleft()
        except IndexError:
            return
        try:
            future = self._pool.submit(_work, item)
        except RuntimeError as error:
            # The pool is broken, or was shut down.
            future = Future()
            future.set_exception(error)
        future.add_done_callback(partial(self._answered, place))

    def _answered(self, place: int, future: Future[Any]) -> None:
        self._done.put((place, future))
        # A pool that breaks tells so while it holds the lock that `submit` takes.
        if not future.cancelled() and future.exception() is None:
            self.feed()

    def results(self, function: Callable[[Any], Any]) -> Iterator[tuple[int, Any]]:
        """Work on what is waiting, and yield what this process and the pool have done.

        Raises:
            BrokenProcessPool: a process of the pool was killed.
        """
        while self._left:
            try:
                place, item = self.waiting.popleft()
            except IndexError:
                place, future = self._done.get()
                yield from self._counted(place, future.result())
                continue
            yield from self._counted(place, function(item))
            while not self._done.empty():
                place, future = self._done.get()
                yield from self._counted(place, future.result())

    def _counted(self, place: int, result: Any) -> Iterator[tuple[int, Any]]:
        self._left -= 1
        yield place, result


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
    tune_allocator()
    arrow_without_pandas()
    pa.set_cpu_count(1)
    # The pool has a process for each core; a library's own threads would only get in their way.
    os.environ["RAYON_NUM_THREADS"] = "1"
    _function = pickle.loads(function)  # noqa: S301 - written by the parent of this process


def _work(item: Any) -> Any:
    return _function(item)
