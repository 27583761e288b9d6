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
    # From here on a document is known by its place among the members in the order of their ids.
    ids = np.ascontiguousarray(ids)
    members = members[_id_order(ids, members)]
    ids, characters, text, group = ids[members], characters[members], text[members], group[members]
    count, places = len(ids), np.arange(len(ids))
    smallest = _first(group)
    # Two keys in one, each below the number of documents: values sort faster than their order is found.
    order = np.sort(smallest * count + places) % count
    smallest = smallest[order]
    starts = np.flatnonzero(np.diff(smallest, prepend=-1))
    longest = np.minimum.reduceat(((characters.max() - characters) * count + places)[order], starts) % count
    representative = np.repeat(longest, np.diff(starts, append=count))
    same = text[order] == text[representative]
    jaccard = np.ones(count)
    pairs = np.stack((text[order[~same]], text[representative[~same]]), axis=1)
    jaccard[~same] = jaccard_of(np.sort(pairs, axis=1))
    kinds = pa.array(["near", "exact"]).take(pa.array(same.astype(np.int8)))
    # As numbers they are gathered several times faster than as bytes of 32, all at once into few large pages.
    words = ids.view(np.uint64).reshape(count, 4)
    wanted = np.concatenate((order, smallest, representative, _first(text)[order]))
    named = [id_strings(each) for each in words.take(wanted, axis=0).view("S32").reshape(4, count)]
    return pa.table([*named[:3], kinds, pa.array(jaccard, pa.float32()), named[3]], schema=DUPLICATE)


def _id_order(ids: npt.NDArray[np.bytes_], members: Int64s) -> Int64s:
    """The members in the order of their ids, by the first eight bytes where these differ."""
    first = ids.view(">u8")[::4][members].astype(np.uint64)
    order = np.argsort(first)
    ordered = first[order]
    return order if (ordered[1:] != ordered[:-1]).all() else np.argsort(ids[members])


def _first(groups: Int64s) -> Int64s:
    """For each element, the first one of its group."""
    first = np.empty(int(groups.max()) + 1, np.int64)
    # Of values for one place the last is kept.
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    return first[groups]


def id_strings(values: npt.NDArray[np.bytes_]) -> pa.Array:
    """Document ids, bytes of 32, as a column of strings."""
    data = np.ascontiguousarray(values).view(np.uint8).reshape(-1, 32)
    if 32 * len(data) < 2**31 and len(data) and data[:, -1].all() and data.max() < 0x80:
        offsets = np.arange(len(data) + 1, dtype=np.int32) * np.int32(32)
        return pa.StringArray.from_buffers(len(data), pa.py_buffer(offsets), pa.py_buffer(data))
    return pa.array(values.tolist(), pa.binary()).cast(pa.string())
