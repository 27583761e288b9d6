"""Which lines of each document a rule would cut: found by annotate, cut out by select."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from textmill.config.annotate import LineRules
from textmill.corpus.signals import boilerplate, c4_lines
from textmill.corpus.signals.layout import Layout
from textmill.corpus.spans import CUT_LINES

BLANK = "blank_line"
CITATION = "c4.citation"
RULES = (
    *(f"c4.{rule}" for rule in c4_lines.RULES),
    *(f"boilerplate.{kind}" for kind in boilerplate.KINDS),
    BLANK,
    CITATION,
)
"""What the rules are called in `cut_lines`."""


class Cuts(NamedTuple):
    """Spans of a batch to cut: places in `Layout.codes` (int64) and indices into `RULES` (int8)."""

    start: np.ndarray
    end: np.ndarray
    rule: np.ndarray


def cut_lines(layout: Layout, options: LineRules) -> pa.Array:
    """The spans that the rules in force would cut out of each document (of type `CUT_LINES`, ascending).

    A line goes with its newline. Of the blank lines around lines that go, one stays between lines that stay,
    so that paragraphs stay apart and no more than that. Citations are cut out of lines that stay.
    """
    rule = np.full(len(layout.lines.start), -1, np.int8)
    parts = []
    if options.boilerplate:
        _boilerplate(layout, rule)
    if options.c4 or options.citations:
        found = c4_lines.c4_lines(layout, options.min_words, options.max_word_length)
        if options.c4:
            rule = np.where(found.kept, rule, found.rule).astype(np.int8)
        if options.citations:
            parts.append(_citations(layout, found.citations, rule))
    parts.append(_whole_lines(layout, rule))
    return _listed(layout, parts)


def _boilerplate(layout: Layout, rule: np.ndarray) -> None:
    short = layout.lines.length <= boilerplate.LONGEST
    for kind, hits in reversed(layout.matching(short, boilerplate.patterns()).items()):
        rule[hits] = RULES.index(f"boilerplate.{kind}")


def _citations(layout: Layout, citations: np.ndarray, rule: np.ndarray) -> Cuts:
    line = np.searchsorted(layout.lines.start, citations[:, 0], side="right") - 1
    chosen = citations[rule[line] < 0]
    return Cuts(chosen[:, 0], chosen[:, 1], np.full(len(chosen), RULES.index(CITATION), np.int8))


def _whole_lines(layout: Layout, rule: np.ndarray) -> Cuts:
    raw, filled = layout.all_lines.raw, layout.all_lines.filled
    of_line = np.full(len(filled), -1, np.int8)
    of_line[filled] = rule
    goes = of_line >= 0
    stays = filled & ~goes
    # A gap is what lies between lines that stay; a document with n of them has n + 1 gaps.
    before: np.ndarray = np.cumsum(stays) - stays
    gap = before + raw.document
    gaps = int(stays.sum()) + layout.size
    touched = np.bincount(gap[goes], minlength=gaps) > 0
    outer = np.zeros(gaps, bool)
    outer[gap[raw.offsets[:-1]]] = True
    closing = np.zeros(gaps, bool)
    last = raw.offsets[1:] - 1
    closing[gap[last] + stays[last]] = True
    blank = np.flatnonzero(~filled & touched[gap])
    firsts = np.zeros(len(filled), bool)
    firsts[blank[np.unique(gap[blank], return_index=True)[1]]] = True
    of_line[blank] = RULES.index(BLANK)
    of_line[firsts & ~outer[gap] & ~closing[gap]] = -1
    chosen = np.flatnonzero(of_line >= 0)
    # At the end of a document the newline before a line goes, elsewhere the one behind it.
    earlier: np.ndarray = before[raw.offsets[:-1]]
    ahead = closing[gap[chosen]] & (before[chosen] > earlier[raw.document[chosen]])
    final = np.isin(chosen, last)
    start = raw.start[chosen] - ahead
    end = raw.end[chosen] + (~ahead & ~final)
    some = end > start
    return Cuts(start[some], end[some], of_line[chosen[some]])


def _listed(layout: Layout, parts: list[Cuts]) -> pa.Array:
    start, end, rule = (np.concatenate(each) for each in zip(*parts, strict=True))
    order = np.argsort(start, kind="stable")
    start, end, rule = start[order], end[order], rule[order]
    offsets = np.searchsorted(start, layout.bounds)
    document = np.repeat(np.arange(layout.size), np.diff(offsets))
    fields = [
        pa.array((start - layout.bounds[document]).astype(np.int32)),
        pa.array((end - layout.bounds[document]).astype(np.int32)),
        pa.array(RULES, pa.string()).take(pa.array(rule)),
    ]
    values = pa.StructArray.from_arrays(fields, fields=list(CUT_LINES.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values).cast(CUT_LINES)
