"""Spans of text to cut out of documents: the contract between the stages that find them and select.

Offsets count Unicode code points from the start of a document's text; a span is half-open, [start, end).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int64s = npt.NDArray[np.int64]

SPAN = pa.schema(
    [
        ("id", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("rule", pa.string()),
        ("group", pa.int64()),
    ]
)
"""A part of the text of document `id` that `rule` says to cut. Spans of a document may touch or overlap.
Spans of one rule and group have the same text, and the first of them in kept documents stay; without a group
(null) none stays."""

CUT_LINES = pa.list_(
    pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32()), pa.field("rule", pa.string())])
)
"""Type of the column `cut_lines` of data/signals: the spans of one document, without its id."""


def merged(document: Int64s, start: Int64s, end: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Join the spans of each document that overlap or touch; empty ones disappear.

    Args:
        document: int64, any number per document.
        start, end: int64, half-open, one per span like `document`, in any order.

    Returns:
        document, start and end of the joined spans, ordered by document and start.
    """
    filled = end > start
    document, start, end = document[filled], start[filled], end[filled]
    if not len(document):
        return document, start, end
    order = np.lexsort((end, start, document))
    document, start, end = document[order], start[order], end[order]
    # Each document gets a stretch of its own, so that one running maximum serves them all.
    number = np.cumsum(np.concatenate(([0], document[1:] != document[:-1])))
    stretch = number * (int(end.max()) + 1)
    reach = np.maximum.accumulate(end + stretch) - stretch
    fresh = np.ones(len(document), bool)
    fresh[1:] = (document[1:] != document[:-1]) | (start[1:] > reach[:-1])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(document)) - 1
    return document[first], start[first], reach[last]


def cut(text: str, start: Int64s, end: Int64s) -> str:
    """The text without the characters of the spans, which are ordered and do not overlap.

    Raises:
        IndexError: a span does not lie within the text.
    """
    edges = [0, *(int(edge) for pair in zip(start, end, strict=True) for edge in pair), len(text)]
    if any(one > other for one, other in pairwise(edges)):
        raise IndexError(f"expected ordered spans within 0 and {len(text)}, found {edges[1:-1]}")
    return "".join(text[one:other] for one, other in zip(edges[::2], edges[1::2], strict=True))
