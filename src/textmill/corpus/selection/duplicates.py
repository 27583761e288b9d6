"""Which document of a cluster of duplicates is kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.config.duplicates import Duplicates
from textmill.corpus.selection.catalogue import Catalogue, Verdict, hex_ids

KEPT_OF_CLUSTER = {
    "everywhere": "one per cluster",
    "within": "one per cluster and source",
    "across": "one source per cluster",
}
"""By scope, the ledger's threshold."""


def drop_duplicates(
    catalogue: Catalogue,
    duplicates: pa.Table,
    places: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.int64],
    params: Duplicates,
) -> None:
    """Of the documents of a cluster that are left, keep the winner and drop the others in its favour.

    The winner is of the source preferred most, then the longest, then of the first source, then has the
    smallest id.

    Args:
        catalogue: all documents.
        duplicates: as dedup wrote them.
        places: int64, the document of each row of `duplicates`.
        cluster: int64, each document's cluster.
        params: the preference, and whether clusters are looked at within or across sources.
    """
    left = np.flatnonzero(catalogue.kept[places])
    documents = places[left]
    source = catalogue.source[documents]
    group = cluster[documents]
    if params.scope == "within":
        group = group * len(catalogue.sources) + source
    ranks = {name: rank for rank, name in enumerate(params.prefer)}
    preference = np.array([ranks.get(name, len(ranks)) for name in catalogue.sources], np.int64)
    order = np.lexsort(
        (
            catalogue.rank[documents],
            source,
            -catalogue.characters[documents],
            preference[source],
            group,
        )
    )
    left, source, group = left[order], source[order], group[order]
    first = np.ones(len(left), bool)
    first[1:] = group[1:] != group[:-1]
    winner = np.flatnonzero(first)[np.cumsum(first) - 1]
    loses = source != source[winner] if params.scope == "across" else ~first
    _drop_for(catalogue, duplicates, left[loses], left[winner[loses]], places, KEPT_OF_CLUSTER[params.scope])


def _drop_for(
    catalogue: Catalogue,
    duplicates: pa.Table,
    dropped: npt.NDArray[np.int64],
    kept: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    threshold: str,
) -> None:
    """Drop rows of `duplicates` in favour of others of its rows."""
    identical = hex_ids(duplicates["identical"])
    ids = hex_ids(duplicates["id"])
    representative = hex_ids(duplicates["representative"])
    jaccard = duplicates["jaccard"].to_numpy().astype(np.float64)
    same = identical[dropped] == identical[kept]
    # Similarity is known between a document and the representative of its cluster, whichever of them is kept.
    value = np.where(representative[kept] == ids[kept], jaccard[dropped], np.nan)
    value = np.where(representative[dropped] == ids[dropped], jaccard[kept], value)
    value = np.where(same, 1.0, value)
    for exact, name in ((True, "duplicates.exact"), (False, "duplicates.near")):
        rows = np.flatnonzero(same == exact)
        catalogue.drop(
            places[dropped[rows]],
            Verdict(name, "dedup", threshold),
            value[rows],
            ids[kept[rows]],
        )
