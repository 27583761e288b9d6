"""What a training stage tells the tracker: JSON lines in a spool file (docs/contracts.md, Tracking).

Figures that depend on time or machine go here and never into an out. A write that fails is reported once
and does not stop training.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textmill.training.ranks import place

EVENTS = Path(".textmill/events")


class Spool:
    """Appends events of one stage; `resumed` keeps what an interrupted run has written.

    `prefix` is put before the names of metrics, for a stage that trains more than one model.
    """

    def __init__(self, stage: str, resumed: bool = False, directory: str | os.PathLike[str] = EVENTS):
        self.stage, self.prefix = stage, ""
        self.path = Path(directory) / f"{stage}.jsonl"
        # Processes that train together write one spool.
        self._broken = not place().is_first
        if not resumed:
            self._write("", "w")

    def start(self, params: Mapping[str, Any], datasets: Sequence[Mapping[str, Any]]) -> None:
        """A run begins or goes on: its params and `datasets`, each a `path` and `rows`."""
        self._event(
            {"event": "start", "stage": self.stage, "params": dict(params), "datasets": list(datasets)}
        )

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Figures at a step."""
        self._event(
            {
                "event": "metrics",
                "step": step,
                "values": {self.prefix + name: value for name, value in values.items()},
            }
        )

    def end(self, values: Mapping[str, float]) -> None:
        """The run is over: its final figures."""
        self._event({"event": "end", "values": dict(values)})

    def _event(self, event: Mapping[str, Any]) -> None:
        self._write(json.dumps(event, ensure_ascii=False) + "\n", "a")

    def _write(self, text: str, mode: str) -> None:
        if self._broken:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open(mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            self._broken = True
            print(
                f"{self.stage}: cannot write {self.path} ({error}); the run goes on untracked",
                file=sys.stderr,
            )
