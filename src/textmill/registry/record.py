"""Remember what was judged, so that a run with nothing new ends before MLflow is imported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textmill.config.gates import Gates, ModelGates
from textmill.config.registry import RegisteredModel
from textmill.files import read_json, write_json
from textmill.registry.evidence import BIAS, CONTAMINATION, LEDGER
from textmill.registry.manifest import VALIDATION, lineage
from textmill.registry.outcome import Outcome
from textmill.tracking import probe
from textmill.tracking.hashes import canonical_sha256, file_hash
from textmill.tracking.lockfile import Lock
from textmill.tracking.store import registry_uri

RECORD = Path(".textmill/registry.json")


def fingerprint(spec: RegisteredModel, gates: Gates, lock: Lock) -> str:
    """SHA-256 of all that a model's outcome depends on: lineage, reports, gates, and this package's code."""
    beside = [VALIDATION, BIAS, Path(CONTAMINATION).parent.as_posix(), Path(LEDGER).parent.as_posix()]
    common = gates.model_dump(exclude={"models"})
    code = sorted(Path(__file__).parent.glob("*.py"))
    return canonical_sha256(
        {
            "model": spec.model_dump(),
            "gates": [common, gates.models.get(spec.name, ModelGates()).model_dump()],
            "lineage": [entry.as_dict() for entry in lineage(lock, [spec.path, spec.report])],
            "reports": {path: lock.out_hash(path) for path in beside},
            "code": [file_hash(path) for path in code],
        }
    )


def recall(
    root: Path, uri: str, specs: Sequence[RegisteredModel], gates: Gates, lock: Lock
) -> list[Outcome] | None:
    """The outcomes of the last time, if nothing they depend on has changed, or None.

    Not trusted blindly: the store is asked whether every alias still points where it did.
    """
    path = root / RECORD
    known: dict[str, Any] = read_json(path).get(uri, {}) if path.is_file() else {}
    outcomes = []
    for spec in specs:
        entry = known.get(spec.name)
        if entry is None or entry["fingerprint"] != fingerprint(spec, gates, lock):
            return None
        if probe.aliases(registry_uri(root), spec.name) != entry["aliases"]:
            return None
        outcome = Outcome(**entry["outcome"])
        again = "champion" if outcome.status == "promoted" else outcome.status
        outcomes.append(Outcome(**{**outcome.as_dict(), "status": again}))
    return outcomes


def remember(root: Path, uri: str, name: str, mark: str, aliases: dict[str, str], outcome: Outcome) -> None:
    """Record one model's outcome and where its aliases point."""
    path = root / RECORD
    stored = read_json(path) if path.is_file() else {}
    stored.setdefault(uri, {})[name] = {"fingerprint": mark, "aliases": aliases, "outcome": outcome.as_dict()}
    write_json(path, stored)
