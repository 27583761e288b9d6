"""What the gates look at, gathered from reports and tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.config.gates import ContaminationGate
from textmill.files import read_json
from textmill.tracking.lockfile import StageEntry

BIAS = "reports/bias.json"
VALIDATION = "reports/validation.json"
CONTAMINATION = "data/contamination/contamination.parquet"
LEDGER = "data/ledger/ledger.parquet"
LOWER_IS_BETTER = frozenset({"loss", "perplexity", "bits_per_byte"})


@dataclass(frozen=True)
class AgainstChampion:
    """The candidate's figure minus the champion's, with its 95 % interval.

    `verdict` is `won`, `tied` or `lost`; `method` says how it was compared.
    """

    version: str
    metric: str
    difference: float
    low: float
    high: float
    verdict: str
    method: str


@dataclass(frozen=True)
class Evidence:
    """All that a gate may ask of a candidate.

    Attributes:
        evaluation: the evaluation report.
        validation: reports/validation.json, or None if there is none.
        bias: reports/bias.json, or None.
        leaked: share of the evaluation rows that kept documents contain, or None if it was not measured.
        smoke: what went wrong in the smoke test; empty if the model loaded and answered.
        champion: the comparison with the champion, None if there is no champion or it is the candidate.
        incomparable: why a champion could not be compared; empty otherwise.
    """

    evaluation: dict[str, Any]
    validation: dict[str, Any] | None = None
    bias: dict[str, Any] | None = None
    leaked: float | None = None
    smoke: str = ""
    champion: AgainstChampion | None = None
    incomparable: str = ""


def optional_report(root: Path, path: str) -> Any:
    """A JSON report, or None if the pipeline has not written it."""
    return read_json(root / path) if (root / path).is_file() else None


def leaked_share(root: Path, task: str, rows: int, gate: ContaminationGate) -> float | None:
    """Share of a task's evaluation rows that are contained in a document kept for training.

    Returns:
        Between 0 and 1, or None if the contamination stage has not run or the task has no rows.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if not rows or not ((root / CONTAMINATION).is_file() and (root / LEDGER).is_file()):
        return None
    found = pq.read_table(root / CONTAMINATION, columns=["id", "task", "matched_id", "fraction"])
    covered = found.filter((pc.field("task") == task) & (pc.field("fraction") >= gate.fraction))
    dropped = pq.read_table(root / LEDGER, columns=["id"])["id"]
    kept = covered.filter(pc.invert(pc.is_in(covered["id"], value_set=dropped.combine_chunks())))
    return pc.count_distinct(kept["matched_id"]).as_py() / rows


def predictions_of(evaluation: StageEntry | None) -> str | None:
    """The predictions file that an evaluation stage wrote, or None if it writes none."""
    outs = evaluation.outs if evaluation else {}
    return next((f"{out}/predictions.parquet" for out in outs if out.startswith("data/predictions/")), None)
