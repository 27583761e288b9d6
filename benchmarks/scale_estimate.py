"""What large corpora cost, from the slopes of `corpus_growth`: `python -m benchmarks.scale_estimate`.

CPU time and written bytes grow with the text, columns that a global step holds grow with the documents; both
are taken as straight lines through the two measured sizes. docs/scale.md states what that assumes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpus_growth import COLUMNS, SLOPES
from textmill.files import read_json

TERABYTE = 10**12


@dataclass(frozen=True)
class Slope:
    """What a stage costs: per byte of text, per document, and whatever the size.

    Attributes:
        cpu: seconds per byte of text.
        written: bytes written per byte of text.
        column: bytes of memory per document, for a stage that holds columns; else 0.
        worker: bytes of memory of a worker (of the process without its columns, for a global stage).
    """

    cpu: float
    written: float
    column: float
    worker: float


def slopes(measured: dict[str, Any]) -> dict[str, Slope]:
    """The slopes between the two sizes that were measured."""
    per_document = measured["corpus"]["bytes"] / measured["corpus"]["documents"]
    return {name: _slope(name, each, per_document) for name, each in measured["stages"].items()}


def _slope(name: str, each: dict[str, Any], per_document: float) -> Slope:
    more = each["documents"][1] - each["documents"][0]
    small, large = each["peak_bytes"]
    column = max(large - small, 0) / more if name in COLUMNS else 0.0
    return Slope(
        cpu=(each["cpu_seconds"][1] - each["cpu_seconds"][0]) / more / per_document,
        written=(each["written_bytes"][1] - each["written_bytes"][0]) / more / per_document,
        column=column,
        worker=large - column * each["documents"][1],
    )


def table(found: dict[str, Slope], text: float, document: float) -> list[str]:
    """Markdown rows for `text` bytes in documents of `document` bytes."""
    lines = [
        f"| {text / TERABYTE:g} TB, {text / document / 1e9:,.2f} G documents of {document:,.0f} bytes "
        "| CPU-hours | memory of a worker | memory of the global step | written |",
        "|---|---|---|---|---|",
    ]
    for name, each in found.items():
        held = each.column * text / document
        lines.append(
            f"| {name} | {each.cpu * text / 3600:,.0f} | {_bytes(each.worker)} "
            f"| {_bytes(held) if each.column else '—'} | {_bytes(each.written * text)} |"
        )
    hours = sum(each.cpu for each in found.values()) * text / 3600
    written = sum(each.written for each in found.values()) * text
    return [*lines, f"| all | {hours:,.0f} | | | {_bytes(written)} |"]


def _bytes(count: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}" if count < 10 * size else f"{count / size:,.0f} {unit}"
    return f"{count / 1e3:,.0f} kB"


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_estimate", description=main.__doc__)
    parser.add_argument("--slopes", type=Path, default=SLOPES, help="what corpus_growth has written")
    parser.add_argument("--terabytes", type=float, nargs="+", default=[1, 100], help="of UTF-8 text")
    parser.add_argument("--document-bytes", type=float, default=4000, help="mean size of a document")
    chosen = parser.parse_args()
    found = slopes(read_json(chosen.slopes))
    for terabytes in chosen.terabytes:
        print("\n".join(table(found, terabytes * TERABYTE, chosen.document_bytes)), end="\n\n")


if __name__ == "__main__":
    main()
