"""The ledger: for each document that was dropped or could not be read, the rule and why."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.selection.catalogue import Catalogue, id_strings
from textmill.corpus.shards import read_table, write_table

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

NAMED = [name for name in LEDGER.names if name not in ("id", "matched_id")]
_CODES = pa.dictionary(pa.int32(), pa.string())
CODED = pa.schema(
    [(one.name, _CODES if one.type == pa.string() and one.name in NAMED else one.type) for one in LEDGER]
)
"""As `LEDGER`, with codes for the few names there are instead of a string a row, which is faster to write."""


def ledger_of(catalogue: Catalogue) -> pa.Table:
    """The dropped documents of a catalogue in their order, as a table of schema `CODED`."""
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
        schema=CODED,
    )


def _matched(catalogue: Catalogue, dropped: npt.NDArray[np.int64]) -> pa.StringArray:
    names = np.zeros(len(dropped), "S32")
    present = np.zeros(len(dropped), bool)
    for documents, ids in catalogue.matched:
        rows = np.searchsorted(dropped, documents)
        names[rows], present[rows] = ids, True
    return id_strings(names, present)


def write_ledger(path: str | os.PathLike[str], ledger: pa.Table) -> None:
    """Write a table of schema `CODED`, which is read as one of schema `LEDGER`.

    Ids hardly compress, so little time is spent on trying.
    """
    write_table(path, ledger, rows_per_group=65_536, compression_level=1, named=NAMED, store_schema=False)


def unreadable_of(path: str | os.PathLike[str]) -> pa.Table:
    """What ingest could not read, as rows of schema `CODED` of stage ``ingest`` and rule ``unreadable``.

    They never became documents: clean = corpus + the rows of all other stages.

    Raises:
        UserError: the file is missing or damaged.
    """
    found = read_table(path, ["id", "source", "lang", "expected"])
    count = found.num_rows
    columns = {
        "id": found["id"],
        "source": found["source"],
        "lang": found["lang"],
        "stage": pa.repeat(pa.scalar("ingest"), count),
        "rule": pa.repeat(pa.scalar("unreadable"), count),
        "value": pa.nulls(count, pa.float64()),
        "threshold": found["expected"],
        "matched_id": pa.nulls(count, pa.string()),
    }
    return pa.table([columns[name] for name in LEDGER.names], schema=LEDGER).cast(CODED)


def _named(names: list[str], codes: npt.NDArray[Any]) -> pa.DictionaryArray:
    # Verdicts share stages and thresholds; a dictionary names each once.
    distinct = list(dict.fromkeys(names))
    places = np.array([distinct.index(name) for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(places[codes]), pa.array(distinct, pa.string()))
