"""Read the events a training stage leaves behind (docs/contracts.md, Tracking)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVENTS = Path(".textmill/events")


@dataclass
class Spool:
    """What a training stage reported.

    `points` maps a step to its metric values. A stage that was killed and resumed from a checkpoint
    reports some steps twice; the later report counts. `complete` says that the end event was read.
    """

    stage: str
    params: dict[str, Any] = field(default_factory=dict)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    points: dict[int, dict[str, float]] = field(default_factory=dict)
    final: dict[str, float] = field(default_factory=dict)
    complete: bool = False


def read_spool(path: Path) -> Spool:
    """Read a spool file; lines that are not whole events, as a kill leaves them, are left out."""
    spool = Spool(stage=path.stem)
    with path.open("rb") as lines:
        for line in lines:
            event = _event(line)
            if event is not None:
                _apply(spool, event)
    return spool


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None


def _apply(spool: Spool, event: dict[str, Any]) -> None:
    kind = event["event"]
    if kind == "start":
        spool.stage = str(event.get("stage", spool.stage))
        spool.params = dict(event.get("params", {}))
        spool.datasets = list(event.get("datasets", []))
        spool.complete = False
    elif kind == "metrics":
        spool.points.setdefault(int(event["step"]), {}).update(_numbers(event.get("values", {})))
    elif kind == "end":
        spool.final |= _numbers(event.get("values", {}))
        spool.complete = True


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {
        str(name): float(value)
        for name, value in values.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
