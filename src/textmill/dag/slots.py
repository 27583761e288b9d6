"""Cores shared among stages that run side by side."""

from __future__ import annotations

import os
import threading
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager


def cores() -> int:
    """Cores this process may use; TEXTMILL_SLOTS overrides it.

    Raises:
        UserError: TEXTMILL_SLOTS is not a positive integer.
    """
    declared = os.environ.get("TEXTMILL_SLOTS")
    if declared:
        if not declared.isdecimal() or int(declared) < 1:
            from textmill.errors import UserError

            raise UserError(f"TEXTMILL_SLOTS: expected a positive integer, found {declared!r}.")
        return int(declared)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Slots:
    """A number of slots; each stage holds as many as it declares.

    The highest priority is served first, and among equals who came first. Nobody overtakes a stage that
    waits for several slots, so it never waits for ever behind small ones.
    """

    def __init__(self, total: int):
        self.total = total
        self._free = total
        self._waiting: list[tuple[int, int]] = []
        self._arrived = 0
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, wanted: int, priority: int = 0) -> Iterator[None]:
        """Hold `wanted` slots, or all there are when that is fewer, while the block runs."""
        count = min(wanted, self.total)
        with self._changed:
            self._arrived += 1
            ticket = (-priority, self._arrived)
            insort(self._waiting, ticket)
            self._changed.wait_for(lambda: self._waiting[0] == ticket and self._free >= count)
            self._waiting.remove(ticket)
            self._free -= count
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()
