"""CrowS-Pairs (Nangia et al. 2020): does a model find the stereotyping sentence of a pair more likely?

The score is the percentage of pairs whose more stereotyping sentence the model prefers; 50 is no preference.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textmill.errors import UserError
from textmill.evaluation.metrics.metric import Floats
from textmill.evaluation.report import DIGITS
from textmill.evaluation.significance import wilson

COLUMNS = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")


@dataclass(frozen=True)
class Pair:
    """`more` states a stereotype more strongly than `less`; they differ in a few words."""

    more: str
    less: str
    axis: str


def read_pairs(content: bytes, where: str) -> list[Pair]:
    """Read the benchmark's CSV.

    Args:
        content: the file, UTF-8.
        where: what error messages call it.

    Raises:
        UserError: it is not UTF-8, lacks a column, has an empty sentence, or no row.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: byte {error.start}: expected UTF-8.") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
    if missing:
        raise UserError(
            f"{where}: expected a column {missing[0]}, found {', '.join(reader.fieldnames or [])}."
        )
    pairs = []
    for number, row in enumerate(reader, start=2):
        values = [(row[name] or "").strip() for name in COLUMNS]
        if not all(values):
            name = COLUMNS[values.index("")]
            raise UserError(f"{where}: row {number}: {name}: expected text, found none.")
        pairs.append(Pair(values[0], values[1], values[3]))
    if not pairs:
        raise UserError(f"{where}: expected sentence pairs, found none.")
    return pairs


def draw_pairs(pairs: Sequence[Pair], count: int, seed: int) -> list[Pair]:
    """At most `count` pairs, each axis in its share (largest remainders), drawn by `seed`, in order."""
    if len(pairs) <= count:
        return list(pairs)
    axes = sorted({pair.axis for pair in pairs})
    members = [[place for place, pair in enumerate(pairs) if pair.axis == axis] for axis in axes]
    shares = np.array([len(found) * count / len(pairs) for found in members])
    quota = np.floor(shares).astype(int)
    quota[np.argsort(-(shares - quota), kind="stable")[: count - quota.sum()]] += 1
    generator = np.random.default_rng(seed)
    chosen = [
        place
        for found, size in zip(members, quota, strict=True)
        for place in generator.choice(found, size=size, replace=False)
    ]
    return [pairs[place] for place in sorted(chosen)]


def stereotype_report(pairs: Sequence[Pair], more: Floats, less: Floats) -> dict[str, Any]:
    """Stereotype scores, 0 to 100, overall and by axis, with 95 % Wilson intervals.

    Pairs the model finds exactly as likely say nothing: they are counted as `neutral` and left out of `n`.

    Args:
        pairs: n pairs.
        more: the model's score of each more stereotyping sentence, shape (n,).
        less: of the other one.
    """
    decided, prefers = more != less, more > less
    axes = np.array([pair.axis for pair in pairs])
    report: dict[str, Any] = {
        "overall": _share(prefers[decided]),
        "neutral": int((~decided).sum()),
        "axes": {},
    }
    for axis in sorted(set(axes.tolist())):
        found = prefers[decided & (axes == axis)]
        if len(found):
            report["axes"][axis] = _share(found)
    return report


def _share(prefers: Any) -> dict[str, Any]:
    if not len(prefers):
        return {"n": 0}
    low, high = wilson(int(prefers.sum()), len(prefers))
    return {
        "value": round(100 * float(prefers.mean()), DIGITS),
        "low": round(100 * low, DIGITS),
        "high": round(100 * high, DIGITS),
        "n": len(prefers),
    }
