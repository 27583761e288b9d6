"""What became of the documents, counted so that like can be compared with like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.errors import UserError

KEPT = 0
LENGTH_BINS = 24

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Verdicts:
    """Which rule dropped a document, looked up by id in O(log n) and 40 bytes a document."""

    def __init__(self, kept: pa.Array, ledger: pa.Table):
        """Args: ids of the corpus; the ledger's `id`, `stage` and `rule`; rows of stage ingest do not count.

        Ingest drops what cannot be read: such a document was never cleaned, and no one can tell whom it
        named.
        """
        missing = {"id", "stage", "rule"} - set(ledger.column_names)
        if missing:
            raise UserError(
                f"data/ledger: expected the columns id, stage and rule; {min(missing)} is missing. Run the "
                "select stage again."
            )
        rows = ledger.filter(pc.not_equal(pc.fill_null(ledger["stage"], ""), "ingest"))
        rules = rows["rule"].combine_chunks().dictionary_encode()
        order = np.argsort(np.array(rules.dictionary.to_pylist(), object), kind="stable")
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = np.arange(len(order)) + 1
        self.rules: list[str] = [rules.dictionary[int(place)].as_py() for place in order]
        self.kept, self.dropped = len(kept), rows.num_rows
        ids = np.array(kept.to_pylist() + rows["id"].to_pylist(), "S32")
        fate = np.zeros(len(ids), dtype=np.int32)
        if rows.num_rows:
            fate[len(kept) :] = rank[rules.indices.to_numpy()]
        place = np.argsort(ids, kind="stable")
        self._ids, self._fate = ids[place], fate[place]

    def find(self, ids: pa.Array) -> Ints:
        """Per document KEPT, 1 + the index of its rule in `rules`, or -1 where it is unknown: int64."""
        if not len(self._ids):
            return np.full(len(ids), -1, dtype=np.int64)
        wanted = np.array(ids.to_pylist(), "S32")
        place = np.minimum(np.searchsorted(self._ids, wanted), len(self._ids) - 1)
        return np.where(self._ids[place] == wanted, self._fate[place], -1).astype(np.int64)


@dataclass
class Cell:
    """Documents of one stratum by fate: int64[fates, columns] that belong to a column, and its reference."""

    inside: Ints
    reference: Ints


class Fates:
    """Documents by fate, per column (a group, a dialect) and per stratum (source and length).

    Only sums are kept, so the corpus may be of any size.
    """

    def __init__(self, columns: int, fates: int):
        self.columns, self.fates = columns, fates
        self.cells: dict[tuple[str, int], Cell] = {}

    def add(
        self,
        inside: Bools,
        reference: Bools,
        units: npt.NDArray[Any],
        fate: Ints,
        source: Ints,
        sources: Sequence[str],
    ) -> None:
        """Add a block of documents.

        Args:
            inside: bool[documents, columns], whether the document belongs to the column.
            reference: bool[documents, columns], whether it is what the column is compared with.
            units: float64[documents], words or characters; lengths within a factor of two share a stratum.
            fate: int64[documents], KEPT or 1 + a rule.
            source: int64[documents], index into `sources`.
        """
        length = np.minimum(np.log2(units + 1).astype(np.int64), LENGTH_BINS - 1)
        stratum = source * LENGTH_BINS + length
        for number in np.unique(stratum):
            key = (sources[int(number) // LENGTH_BINS], int(number) % LENGTH_BINS)
            cell = self.cells.get(key)
            if cell is None:
                shape = (self.fates, self.columns)
                cell = self.cells[key] = Cell(np.zeros(shape, np.int64), np.zeros(shape, np.int64))
            rows = np.flatnonzero(stratum == number)
            for which in np.unique(fate[rows]):
                chosen = rows[fate[rows] == which]
                cell.inside[which] += inside[chosen].sum(axis=0)
                cell.reference[which] += reference[chosen].sum(axis=0)

    def stacked(self) -> tuple[Ints, Ints]:
        """Inside and reference: int64[strata, fates, columns], strata in order of their names."""
        cells = [self.cells[key] for key in sorted(self.cells)]
        if not cells:
            empty = np.zeros((0, self.fates, self.columns), np.int64)
            return empty, empty
        return np.stack([cell.inside for cell in cells]), np.stack([cell.reference for cell in cells])
