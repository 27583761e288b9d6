"""The ledger: for each document that was dropped, the rule that dropped it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.selection.catalogue import Catalogue, id_strings
from textmill.corpus.shards import write_table

LEDGER = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("lang", pa.string()),
        ("stage", pa.string()),
        ("rule", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.string()),
        ("matched_id", pa.string()),
    ]
)
"""A dropped document: `stage` found what `rule`, the first that failed, objects to; `value` is what was found
(null where there is no number); `threshold` is what a kept document satisfies; `matched_id` is the evaluation
row it overlaps with, or the document that was kept instead."""


def ledger_of(catalogue: Catalogue) -> pa.Table:
    """The dropped documents of a catalogue in their order, as a table of schema `LEDGER`."""
    dropped = np.flatnonzero(~catalogue.kept)
    verdicts = catalogue.verdict[dropped]
    value = catalogue.value[dropped]
    return pa.table(
        [
            id_strings(catalogue.ids[dropped]),
            _named(catalogue.sources, catalogue.source[dropped]),
            _named(catalogue.langs, catalogue.lang[dropped]),
            _named([verdict.stage for verdict in catalogue.verdicts], verdicts),
            _named([verdict.rule for verdict in catalogue.verdicts], verdicts),
            pa.array(value, mask=np.isnan(value)),
            _named([verdict.threshold for verdict in catalogue.verdicts], verdicts),
            _matched(catalogue, dropped),
        ],
        schema=LEDGER,
    )


def _matched(catalogue: Catalogue, dropped: npt.NDArray[np.int64]) -> pa.StringArray:
    names = np.zeros(len(dropped), "S32")
    present = np.zeros(len(dropped), bool)
    for documents, ids in catalogue.matched:
        rows = np.searchsorted(dropped, documents)
        names[rows], present[rows] = ids, True
    return id_strings(names, present)


def write_ledger(path: str | os.PathLike[str], ledger: pa.Table) -> None:
    """Write a table of schema `LEDGER`; ids hardly compress, so little time is spent on trying."""
    write_table(path, ledger, rows_per_group=65_536, compression_level=1)


def _named(names: list[str], codes: npt.NDArray[Any]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(codes))
