"""Masking of personal data beside datatrove's formatter, and how well each type is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.corpus import build, text_bytes
from benchmarks.processes import compared

TITLE = "Personal data"
NOTE = (
    "The shared corpus before it was cleaned, in memory, in the form that each takes: a column of Arrow "
    "for textmill, a list of strings for datatrove's `PIIFormatter` with its defaults (public IP "
    "addresses only). textmill looks for seven types and returns a column and counts, datatrove for two "
    "and returns strings. Their counts differ: datatrove also takes versions and section numbers "
    "(`1.3.1.1`) for addresses, and `password@host.name` in a URL for an e-mail, which textmill counts as "
    "a secret. Precision and recall are those of the planted set of tests/corpus/cleaning/planted.py, "
    "seeds 100 to 102: items in real sentences in English and Chinese, and fifty kinds of look-alikes."
)
WANTED, TIMES = 0.98, 8.0


def texts() -> Path:
    """The directory of uncleaned documents; of the cleaned ones where there is no other."""
    clean = build()
    raw = clean.parent / "raw"
    return raw if raw.is_dir() else clean


def _columns(folder: Path) -> list[pa.Array]:
    from textmill.corpus.shards import read_batches

    pa.set_cpu_count(1)
    return [batch.column("text") for batch in read_batches(folder, ["text"])]


def ours(folder: Path) -> Callable[[], dict[str, int]]:
    """`mask_column` with every type."""
    from textmill.config.clean import Pii
    from textmill.corpus.cleaning.columns import mask_column
    from textmill.corpus.cleaning.pii import TYPES

    columns = _columns(folder)

    def work() -> dict[str, int]:
        counts = [mask_column(column, Pii())[1].sum(0) for column in columns]
        return dict(zip(TYPES, sum(counts).tolist(), strict=True))

    return work


def datatrove(folder: Path) -> Callable[[], dict[str, int]]:
    """`PIIFormatter`, e-mail and IP."""
    from datatrove.pipeline.formatters.pii import PIIFormatter

    formatter = PIIFormatter(email_replacement="<EMAIL>", ip_replacement="<IP>")
    strings = [text for column in _columns(folder) for text in column.to_pylist()]

    def work() -> dict[str, int]:
        masked = [formatter.format(text) for text in strings]
        return {
            "email": sum(text.count("<EMAIL>") for text in masked),
            "ip": sum(text.count("<IP>") for text in masked),
        }

    return work


def scores() -> dict[str, tuple[float, float]]:
    """Precision and recall by type on the planted set."""
    from tests.corpus.cleaning.planted import planted
    from textmill.corpus.cleaning.pii import TYPES, find

    right: Counter[Any] = Counter()
    wrong: Counter[Any] = Counter()
    asked: Counter[Any] = Counter()
    for seed in (100, 101, 102):
        for case in planted(seed):
            asked[case.type] += 1
            for item in find(case.text):
                hit = tuple(item) == (case.type, case.start, case.end)
                (right if hit else wrong)[item.type] += 1
    return {kind: (right[kind] / (right[kind] + wrong[kind]), right[kind] / asked[kind]) for kind in TYPES}


def rows() -> list[tuple[str, str, str, str]]:
    """(claim, goal, measured, met) for speed, memory and each type."""
    folder = texts()
    size = text_bytes(folder) / 1e6
    costs = compared({"ours": (ours, (folder,)), "datatrove": (datatrove, (folder,))}, rounds=5)
    mine, theirs = costs["ours"], costs["datatrove"]
    ratio = theirs.cpu / mine.cpu
    found = [
        (
            f"CPU seconds for {size:.0f} MB, seven types against datatrove's two",
            f"≥ {TIMES:g}×",
            f"{ratio:.1f}× ({mine.cpu:.2f} s, datatrove {theirs.cpu:.2f} s)",
            _met(ratio >= TIMES),
        ),
        (
            "peak memory beyond the input",
            "–",
            f"{mine.peak / 1e6:.0f} MB, datatrove {theirs.peak / 1e6:.0f} MB",
            "–",
        ),
        (
            "items found in the corpus",
            "–",
            f"{_listed(mine.value)}; datatrove: {_listed(theirs.value)}",
            "–",
        ),
    ]
    for kind, (precision, recall) in scores().items():
        found.append(
            (
                f"{kind}, planted: precision, recall",
                f"≥ {WANTED:g}",
                f"{precision:.4f}, {recall:.4f}",
                _met(min(precision, recall) >= WANTED),
            )
        )
    return found


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _met(true: bool) -> str:
    return "yes" if true else "no"
