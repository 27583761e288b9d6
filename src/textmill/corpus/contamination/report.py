"""reports/contamination.json: for each task and set, how much of it the corpus holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from textmill.corpus.contamination.overlaps import Overlaps
from textmill.corpus.contamination.rows import Rows


def contamination_report(
    found: Overlaps, rows: Rows, about: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The figures, before anything is dropped.

    Args:
        found: what `find_overlaps` returned.
        rows: the rows it looked for.
        about: what else is to be said of each task or set, by name.

    Returns:
        ``documents``, those that share an n-gram with any row, and ``sets``: by name `about`, and ``rows``;
        ``rows_too_short``, of which no text is long enough to be looked for; ``rows_found``, which share an
        n-gram with some document; ``rows_whole``, of which a document holds a text from end to end;
        ``documents``, those that share an n-gram with a row of this set.
    """
    ids = rows.table["id"].to_numpy()
    tasks = found.documents["task"].to_numpy()
    sets = {}
    for name, facts in sorted(about.items()):
        mine = rows.set == rows.sets.index(name) if name in rows.sets else np.zeros(len(ids), bool)
        sets[name] = {
            **facts,
            "rows": _distinct(ids[mine]),
            "rows_too_short": _distinct(ids[mine]) - _distinct(ids[mine & (rows.sizes > 0)]),
            "rows_found": _distinct(ids[mine & (found.largest > 0)]),
            "rows_whole": _distinct(ids[mine & (found.largest == 1)]),
            "documents": int((tasks == name).sum()),
        }
    return {"documents": len(found.documents["id"].unique()), "sets": sets}


def _distinct(ids: np.ndarray) -> int:
    return len(set(ids.tolist()))
