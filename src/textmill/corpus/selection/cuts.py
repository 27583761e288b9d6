"""Cut out of kept documents the spans that dedup and annotate found: repeats, and lines that rules reject."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.cuts import Cuts
from textmill.corpus.selection.catalogue import Catalogue, Verdict
from textmill.corpus.shards import read_schema, read_table, shard_paths
from textmill.corpus.spans import SPAN, cut, merged
from textmill.errors import UserError

Int64s = npt.NDArray[np.int64]

CUT = pa.schema(
    [("id", pa.string()), ("rule", pa.string()), ("spans", pa.int32()), ("characters", pa.int64())]
)
"""What a rule cut out of a kept document: how many spans, and their characters (Unicode code points). Two
rules may have cut the same characters. Line breaks left at the end of a text go too and are not counted."""


@dataclass(frozen=True)
class Spans:
    """Spans of documents of a catalogue, in the order of documents and then of start.

    Attributes:
        document: int64, the document of each.
        start, end: int64, code points, half-open.
        rule: int64, an index into `rules`.
        group: int64, -1 where there is none.
        rules: their names.
    """

    document: Int64s
    start: Int64s
    end: Int64s
    rule: Int64s
    group: Int64s
    rules: list[str]

    def at(self, chosen: Int64s | npt.NDArray[np.bool_]) -> Spans:
        """Some of the spans, in the order given."""
        return Spans(
            self.document[chosen],
            self.start[chosen],
            self.end[chosen],
            self.rule[chosen],
            self.group[chosen],
            self.rules,
        )


def read_spans(data: str | os.PathLike[str], catalogue: Catalogue, params: Cuts) -> Spans:
    """Read the spans that the params ask for.

    Args:
        data: directory that holds duplicates and signals.
        catalogue: the documents.
        params: which kinds of spans.

    Raises:
        UserError: spans are asked for that the stage before did not look for, or of unknown documents.
    """
    tables = [SPAN.empty_table()]
    if params.repeats:
        tables.append(_repeats(Path(data) / "duplicates" / "spans.parquet"))
    if params.lines:
        tables += _lines(Path(data) / "signals")
    table = pa.concat_tables(tables).combine_chunks()
    document = catalogue.find(table["id"])
    if len(document) and document.min() < 0:
        unknown = table["id"][int(np.argmin(document))].as_py()
        raise UserError(
            f"{data}: spans of document {unknown}, which is not in clean. Run dedup and annotate again."
        )
    encoded = table["rule"].combine_chunks().dictionary_encode()
    rules = encoded.dictionary.to_pylist() if len(table) else []
    start, end = (table[name].to_numpy() for name in ("start", "end"))
    rule = encoded.indices.to_numpy().astype(np.int64)
    group = pc.fill_null(table["group"], -1).to_numpy()
    order = np.lexsort((rule, end, start, document))
    return Spans(document, start, end, rule, group, rules).at(order)


def _repeats(path: Path) -> pa.Table:
    if not path.is_file():
        raise UserError(
            f"{path}: not found; select.cuts.repeats needs repeats. Set dedup.lines, dedup.paragraphs or "
            "dedup.substrings in params.yaml and run dedup again, or switch select.cuts.repeats off."
        )
    return read_table(path, SPAN.names)


def _lines(signals: Path) -> Iterator[pa.Table]:
    for path in shard_paths(signals):
        if "cut_lines" not in read_schema(path).names:
            raise UserError(
                f"{path}: no column cut_lines, which select.cuts.lines needs. Set annotate.line_rules in "
                "params.yaml and run annotate again, or switch select.cuts.lines off."
            )
        table = read_table(path, ["id", "cut_lines"]).combine_chunks()
        if not table.num_rows:
            continue
        column = table["cut_lines"].chunk(0)
        found, owner = column.flatten(), pc.list_parent_indices(column)
        yield pa.table(
            [
                table["id"].take(owner).cast(pa.string()),
                found.field("start").cast(pa.int64()),
                found.field("end").cast(pa.int64()),
                found.field("rule").cast(pa.string()),
                pa.nulls(len(found), pa.int64()),
            ],
            schema=SPAN,
        )


def spans_to_cut(spans: Spans, catalogue: Catalogue, keep: int) -> Spans:
    """Of the spans of kept documents, those to cut: all but the first `keep` of each group."""
    kept = spans.at(catalogue.kept[spans.document])
    grouped = kept.group >= 0
    key = np.where(grouped, kept.group * len(kept.rules) + kept.rule, -1)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    fresh = np.ones(len(ordered), bool)
    fresh[1:] = ordered[1:] != ordered[:-1]
    opens = np.flatnonzero(fresh)
    rank = np.empty(len(ordered), np.int64)
    rank[order] = np.arange(len(ordered)) - opens[np.cumsum(fresh) - 1] if len(opens) else 0
    return kept.at(~grouped | (rank >= keep))


def drop_cut_short(catalogue: Catalogue, spans: Spans, params: Cuts) -> Spans:
    """Drop documents of which too few characters are left; returns the spans to cut out of the others."""
    chosen = spans_to_cut(spans, catalogue, params.keep)
    document, start, end = merged(chosen.document, chosen.start, chosen.end)
    gone = np.bincount(document, end - start, minlength=len(catalogue))
    left = catalogue.characters - gone
    short = np.flatnonzero((gone > 0) & (left < params.min_characters))
    catalogue.drop(
        short,
        Verdict("cuts.too_short", "select", f">= {params.min_characters}"),
        left[short].astype(np.float64),
    )
    return chosen.at(catalogue.kept[chosen.document])


def ledger_of_cuts(spans: Spans, catalogue: Catalogue) -> pa.Table:
    """What was cut, by document and rule: a table of schema `CUT`."""
    if not len(spans.document):
        return CUT.empty_table()
    key = spans.document * len(spans.rules) + spans.rule
    keys, place = np.unique(key, return_inverse=True)
    joined = np.zeros(len(keys), np.int64)
    # Spans of one rule may overlap; characters count once.
    found, start, end = merged(place, spans.start, spans.end)
    np.add.at(joined, found, end - start)
    ids = catalogue.ids[keys // len(spans.rules)].tolist()
    return pa.table(
        [
            pa.array(ids, pa.binary()).cast(pa.string()),
            pa.array(spans.rules, pa.string()).take(pa.array(keys % len(spans.rules))),
            pa.array(np.bincount(place), pa.int32()),
            pa.array(joined),
        ],
        schema=CUT,
    )


class Cutter:
    """Cuts spans out of the documents of a corpus, batch by batch in order."""

    def __init__(self, spans: Spans):
        self._document, self._start, self._end = merged(spans.document, spans.start, spans.end)

    def __call__(self, texts: pa.Array, first: int) -> pa.Array:
        """The texts of documents `first`, `first` + 1, … without their spans.

        Raises:
            IndexError: a span does not lie within its text.
        """
        begin, stop = np.searchsorted(self._document, [first, first + len(texts)])
        if begin == stop:
            return texts
        owners, opens = np.unique(self._document[begin:stop], return_index=True)
        bounds = [*(opens + begin).tolist(), int(stop)]
        changed = [
            _without(texts[int(owner) - first].as_py(), self._start[one:other], self._end[one:other])
            for owner, (one, other) in zip(owners, pairwise(bounds), strict=True)
        ]
        mask = np.zeros(len(texts), bool)
        mask[owners - first] = True
        return pc.replace_with_mask(texts, pa.array(mask), pa.array(changed, texts.type))


def _without(text: str, start: Int64s, end: Int64s) -> str:
    left = cut(text, start, end)
    # Where the last lines go together, the break before them has nothing behind it any more.
    return left.rstrip("\n") if end[-1] == len(text) else left
