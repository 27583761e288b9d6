"""Keep what a training stage reported until a tracking server has it.

The next execution of a stage overwrites its spool, so a spool is moved to `.textmill/outbox/<stage
key>.json` together with the dvc.lock entry it belongs to, as soon as DVC has committed the stage.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from textmill.files import read_json, write_json
from textmill.tracking.hashes import path_hash
from textmill.tracking.lockfile import Lock, StageEntry
from textmill.tracking.revision import Revision, revision
from textmill.tracking.spool import EVENTS, read_spool

OUTBOX = Path(".textmill/outbox")
TRAINING = ("pretrain", "finetune")
EVALUATES = {"evaluate": "finetune", "evaluate_lm": "pretrain"}


def training_stages(lock: Lock) -> list[StageEntry]:
    """The stages of the lock that train a model."""
    return [entry for name, entry in lock.stages.items() if name.split("@")[0] in TRAINING]


def evaluations(lock: Lock) -> list[tuple[StageEntry, StageEntry]]:
    """Pairs (evaluation stage, the training stage it judged) whose hashes fit together.

    An evaluation of an older model (its dependency has another hash than the training stage's out)
    belongs to no training stage of this lock and is left out.
    """
    pairs = []
    for name, entry in lock.stages.items():
        stage, _, item = name.partition("@")
        trained = lock.stages.get(f"{EVALUATES.get(stage)}@{item}")
        if trained and all(entry.deps.get(path, value) == value for path, value in trained.outs.items()):
            pairs.append((entry, trained))
    return pairs


def collect(root: Path, lock: Lock) -> list[str]:
    """Move every spool of a committed stage into the outbox; return the stage keys.

    A spool whose stage is not finished, or whose outs are not the ones dvc.lock describes (killed
    between training and commit), stays where it is.
    """
    collected = []
    for path in sorted((root / EVENTS).glob("*.jsonl")):
        spool = read_spool(path)
        entry = lock.stages.get(spool.stage)
        if entry is None or not spool.complete or not _committed(root, entry):
            continue
        ended = int(path.stat().st_mtime * 1000)
        record = {
            **_record(entry, lock, revision(root)),
            "ended": ended,
            "source": "events",
            **_reported(spool),
        }
        write_json(root / OUTBOX / f"{entry.key}.json", record)
        path.unlink()
        collected.append(entry.key)
    return collected


def _committed(root: Path, entry: StageEntry) -> bool:
    return all(path_hash(root / path) == value for path, value in entry.outs.items())


def _reported(spool: Any) -> dict[str, Any]:
    values = asdict(spool)
    points = [[step, spool.points[step]] for step in sorted(spool.points)]
    # NaN is no JSON: a diverged step is told apart from a missing one by its text.
    return {
        "params": values["params"],
        "datasets": values["datasets"],
        "points": _plain(points),
        "final": _plain(values["final"]),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


def _record(entry: StageEntry, lock: Lock, code: Revision) -> dict[str, Any]:
    return {"entry": entry.as_dict(), "lock_sha256": lock.sha256, "commit": code.commit, "dirty": code.dirty}


def waiting(root: Path) -> dict[str, Path]:
    """The outbox: file by stage key."""
    return {path.stem: path for path in sorted((root / OUTBOX).glob("*.json"))}


def from_reports(root: Path, entry: StageEntry, lock: Lock) -> dict[str, Any]:
    """A record for a stage that another machine executed: what its committed report says of it.

    The training report (`curve`) stands in for the events; what depends on time is not in it.
    """
    record = {**_record(entry, lock, revision(root)), "ended": None, "source": "report", "params": {}}
    record |= {"datasets": [], "points": [], "final": {}}
    for path in entry.outs:
        if not (path.startswith("reports/") and (root / path).is_file()):
            continue
        report = read_json(root / path)
        for point in report.get("curve", []):
            values = {key: value for key, value in point.items() if key != "step" and _is_number(value)}
            record["points"].append([int(point["step"]), values])
        record["final"] |= {key: value for key, value in report.items() if _is_number(value)}
    return record


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
