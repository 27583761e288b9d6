"""The table of duplicates: one row per document that has another like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from textmill.corpus.shingles import Int64s

DUPLICATE = pa.schema(
    [
        ("id", pa.string()),
        ("cluster", pa.string()),
        ("representative", pa.string()),
        ("kind", pa.string()),
        ("jaccard", pa.float32()),
        ("identical", pa.string()),
    ]
)
"""A document of a cluster of two or more: `cluster` is the smallest id in it, `representative` its longest
document (the smallest id where two are equally long), `kind` is `exact` where the texts of the two are equal
after normalisation and else `near`, `jaccard` the similarity of the two (a cluster is a chain of similar
pairs, so it may be below the threshold), `identical` the smallest id with the same normalised text."""


def cluster_table(
    ids: npt.NDArray[np.bytes_],
    characters: Int64s,
    text: Int64s,
    component: Int64s,
    jaccard_of: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
) -> pa.Table:
    """One row per document whose component has two documents or more, ordered by cluster and id.

    Args:
        ids: bytes of 32, all different.
        characters: int64, code points per document.
        text: int64, the number of each document's normalised text.
        component: int64, one per text.
        jaccard_of: gives the similarities of pairs of texts, int64 (pairs, 2), the smaller number first.

    Returns:
        A table of schema `DUPLICATE`.
    """
    group = component[text] if len(ids) else text
    members = np.flatnonzero(np.bincount(group)[group] > 1) if len(ids) else group
    if not len(members):
        return DUPLICATE.empty_table()
    ids, characters, text, group = ids[members], characters[members], text[members], group[members]
    by_id = _id_order(ids)
    rank = np.empty(len(ids), np.int64)
    rank[by_id] = np.arange(len(ids))
    smallest = by_id[_least(group, rank)]
    # One key sorts faster than two; both ranks are below the number of documents.
    order = np.argsort(rank[smallest] * len(ids) + rank)
    by_length = np.argsort((characters.max() - characters) * len(ids) + rank)
    length_rank = np.empty(len(ids), np.int64)
    length_rank[by_length] = np.arange(len(ids))
    representative = by_length[_least(group, length_rank)]
    identical = by_id[_least(text, rank)]
    same = text == text[representative]
    jaccard = np.ones(len(ids))
    near = ~same
    pairs = np.stack((text[near], text[representative[near]]), axis=1)
    jaccard[near] = jaccard_of(np.sort(pairs, axis=1))
    kinds = pa.array(["near", "exact"]).take(pa.array(same[order].astype(np.int8)))
    columns = (ids[each[order]] for each in (np.arange(len(ids)), smallest, representative))
    return pa.table(
        [
            *map(id_strings, columns),
            kinds,
            pa.array(jaccard[order], pa.float32()),
            id_strings(ids[identical[order]]),
        ],
        schema=DUPLICATE,
    )


def _id_order(ids: npt.NDArray[np.bytes_]) -> Int64s:
    """The ids in ascending order, by their first eight bytes where these differ."""
    first = np.ascontiguousarray(ids).view(">u8").reshape(-1, 4)[:, 0].astype(np.uint64)
    order = np.argsort(first)
    ordered = first[order]
    return order if (ordered[1:] != ordered[:-1]).all() else np.argsort(ids)


def _least(groups: Int64s, preference: Int64s) -> Int64s:
    """For each element, the smallest preference in its group."""
    least = np.full(int(groups.max()) + 1, len(groups))
    np.minimum.at(least, groups, preference)
    return least[groups]


def id_strings(values: npt.NDArray[np.bytes_]) -> pa.Array:
    """Document ids, bytes of 32, as a column of strings."""
    values = np.ascontiguousarray(values)
    if len(values) and values.view(np.uint8).reshape(-1, 32)[:, -1].all():
        fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(values), [None, pa.py_buffer(values)])
        return fixed.cast(pa.binary()).cast(pa.string())
    return pa.array(values.tolist(), pa.binary()).cast(pa.string())
