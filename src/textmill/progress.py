"""Progress that suits where it is read: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts work done against a total and shows it on stderr.

    Lines instead of a bar are used when stderr is not a terminal or TEXTMILL_PROGRESS=lines, which
    the flow sets because several stages share its terminal.
    """

    def __init__(self, label: str, total: int | None = None, unit: str = "documents", is_shown: bool = True):
        self.label, self.total, self.unit = label, total, unit
        self.done, self._is_shown = 0, is_shown
        self._note = ""
        self._started = self._printed = time.monotonic()
        self._bar: Any = None
        if is_shown and sys.stderr.isatty() and os.environ.get("TEXTMILL_PROGRESS") != "lines":
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=label, unit=f" {unit}", leave=False, dynamic_ncols=True)

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Add `amount` units; `note` is shown behind the count (a loss, a file name)."""
        self.done += amount
        self._note = note
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(amount)
            return
        now = time.monotonic()
        if self._is_shown and now - self._printed >= SECONDS_BETWEEN_LINES:
            self._printed = now
            print(self._line(now), file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        elapsed = now - self._started
        parts = [f"{self.label}: {self.done:,}"]
        if self.total:
            parts[0] += f" of {self.total:,}"
        parts[0] += f" {self.unit}"
        if self.total and self.done:
            left = elapsed * (self.total - self.done) / self.done
            parts.append(f"{100 * self.done / self.total:.0f} %, about {max(left, 0):.0f} s left")
        if self._note:
            parts.append(self._note)
        return " · ".join(parts)

    def close(self) -> None:
        """Take the bar off the screen."""
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def track(items: Iterable[T], label: str, total: int | None = None, unit: str = "documents") -> Iterator[T]:
    """Yield `items`, showing how many have passed."""
    with Progress(label, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()
