"""How often each group is named."""

from __future__ import annotations

from typing import Any

from textmill.evaluation.bias.counting import LanguageCounts
from textmill.evaluation.bias.intervals import ratio_interval, wilson


def representation(counts: LanguageCounts, confidence: float) -> list[dict[str, Any]]:
    """One row per group of the language, in lexicon order.

    `document_share`: the share of all documents that name the group, with Wilson's interval. `axis_share`:
    the share of the axis' mentions that are the group's, with an interval that respects that mentions come
    in documents.
    """
    rows = []
    axis_number = {axis: number for number, axis in enumerate(counts.lexicon.axes)}
    for index, (axis, group) in enumerate(counts.lexicon.groups):
        documents, mentions = float(counts.group_documents[index]), float(counts.group_mentions[index])
        of_axis = float(counts.axis_mentions[index])
        # Weighted documents are worth fewer than they are many (Kish 1965); without weights the two are
        # equal.
        worth = counts.documents / counts.documents_square if counts.documents_square else 0.0
        low, high = wilson(documents * worth, counts.documents * worth, confidence)
        share_low, share_high = ratio_interval(
            mentions, of_axis, counts.square[index], counts.product[index], counts.axis_square[index],
            int(counts.axis_documents[axis_number[axis]]), confidence,
        )  # fmt: skip
        rows.append(
            {
                "language": counts.lexicon.language,
                "axis": axis,
                "group": group,
                "documents": round(documents),
                "mentions": round(mentions),
                "document_share": _figure(
                    documents / counts.documents if counts.documents else 0.0, low, high
                ),
                "axis_share": _figure(mentions / of_axis, share_low, share_high) if of_axis else None,
            }
        )
    return rows


def _figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6)}
