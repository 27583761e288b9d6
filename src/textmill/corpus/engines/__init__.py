"""Engines: who carries out a stage's work. None of them changes what is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from textmill.config.run import Run
from textmill.corpus.engines.local import Local

Item = TypeVar("Item")
Result = TypeVar("Result")

__all__ = ["Engine", "Local", "engine_of"]


class Engine(Protocol):
    """Carries out a function on many items, each independent of the others."""

    @property
    def name(self) -> str:
        """As params.yaml names it in `run.engine`."""

    @property
    def width(self) -> int:
        """How many items are worked on at the same time; 1 is this process itself."""

    def prepare(self, folders: Sequence[Path]) -> None:
        """Make sure that whoever will work can read and write `folders`.

        Raises:
            UserError: they cannot, or the engine is not there; the message says what is missing.
        """

    def map(
        self, what: str, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, Result]]:
        """Yield the place of each item and what `function` makes of it, in the order in which they finish.

        Args:
            what: what messages call the work.
            function: picklable; it is sent once to whoever works, so it may hold large constants.
            items: small and picklable; begun in this order.

        Raises:
            UserError: `function` raised one, or whoever worked on an item was killed from outside.
        """


def engine_of(run: Run) -> Engine:
    """The engine that params.yaml asks for under `run`."""
    if run.engine == "local":
        return Local(run.workers)
    from textmill.corpus.engines.ray import Ray

    return Ray(
        address=run.ray_address,
        workers=run.workers,
        cpus=run.ray_task_cpus,
        memory=run.ray_task_memory,
        retries=run.ray_retries,
    )
