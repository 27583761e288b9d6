"""What became of each model, as data and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["promoted", "champion", "held", "rolled back", "pending"]


@dataclass(frozen=True)
class Outcome:
    """The result of registering and judging one model.

    Attributes:
        model: its registered name.
        version: the version with these model bytes; empty while the store cannot be reached.
        status: `promoted` (champion from now on), `champion` (it was already), `held` (a gate failed; it
            stays `candidate`), `rolled back` (the check after promotion failed; the aliases are as before),
            `pending` (the store cannot be reached).
        metrics: its figures with intervals, by metric.
        reasons: why it is not champion: one line per failed gate.
        champion: the version that is champion now; empty if there is none.
    """

    model: str
    version: str
    status: Status
    metrics: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    champion: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON can hold it."""
        return asdict(self)


def table(outcomes: list[Outcome]) -> str:
    """Outcomes as aligned plain text, one line per model and one per reason."""
    heads = ("model", "version", "status", "metrics")
    rows = [heads]
    for item in outcomes:
        figures = ", ".join(f"{name} {text}" for name, text in item.metrics.items())
        rows.append((item.model, item.version and f"v{item.version}", item.status, figures))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = []
    for number, row in enumerate(rows):
        cells = [text.ljust(width) for text, width in zip(row[:3], widths, strict=True)]
        lines.append("  ".join([*cells, row[3]]).rstrip())
        if number:
            lines += [f"    {reason}" for reason in outcomes[number - 1].reasons]
    return "\n".join(lines)
