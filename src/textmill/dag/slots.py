"""Cores shared among stages that run side by side."""

from __future__ import annotations

import os
import threading
from collections import deque
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
    """A number of slots; each stage holds as many as it declares, and who came first is served first.

    Serving in order keeps a stage that needs every slot from waiting for ever behind small ones.
    """

    def __init__(self, total: int):
        self.total = total
        self._free = total
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def holding(self, wanted: int) -> Iterator[None]:
        """Hold `wanted` slots, or all there are when that is fewer, while the block runs."""
        count = min(wanted, self.total)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            self._changed.wait_for(lambda: self._waiting[0] is ticket and self._free >= count)
            self._waiting.popleft()
            self._free -= count
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()
