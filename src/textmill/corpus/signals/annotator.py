"""All families of signals as the operator of the annotate stage."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.annotate import Annotate
from textmill.corpus.operators import Operator
from textmill.corpus.signals.basic import BASIC
from textmill.corpus.signals.c4 import C4
from textmill.corpus.signals.family import COUNT
from textmill.corpus.signals.fineweb import FINEWEB
from textmill.corpus.signals.gopher import GOPHER
from textmill.corpus.signals.gopher_repetition import GOPHER_REPETITION
from textmill.corpus.signals.identity import IDENTITY
from textmill.corpus.signals.layout import Layout
from textmill.corpus.signals.line_rules import cut_lines
from textmill.corpus.spans import CUT_LINES

READS = pa.schema([("text", pa.large_string()), ("lang", pa.string())])
FAMILIES = {family.name: family for family in (BASIC, GOPHER, GOPHER_REPETITION, C4, FINEWEB, IDENTITY)}


def annotator(options: Annotate) -> Operator:
    """The operator of the annotate stage: one column per signal of the sizes and of `options.families`.

    If `options.line_rules` asks for any rule, also `cut_lines`, the lines that `select` is to cut out.
    """
    families = [BASIC, *(FAMILIES[name] for name in options.families)]
    columns = [(signal.name, signal.type) for family in families for signal in family.signals]
    schema = pa.schema(columns + [("cut_lines", CUT_LINES)] * options.line_rules.any)
    return Operator("annotate", READS, schema, partial(_annotate, options))


def _annotate(options: Annotate, batch: pa.RecordBatch) -> pa.RecordBatch:
    plain = pc.string_is_ascii(batch.column("text").fill_null("")).to_numpy(zero_copy_only=False)
    # ASCII documents take a faster way, so that one other character in a batch must not slow them all.
    parts = [np.flatnonzero(plain), np.flatnonzero(~plain)]
    if not all(map(len, parts)):
        return _measure(options, batch)
    measured = [_measure(options, batch.take(pa.array(part))) for part in parts]
    order = np.argsort(np.concatenate(parts))
    return pa.Table.from_batches(measured).take(pa.array(order)).combine_chunks().to_batches()[0]


def _measure(options: Annotate, batch: pa.RecordBatch) -> pa.RecordBatch:
    layout = Layout(batch.column("text"), batch.column("lang"))
    arrays, fields = [], []
    for family in [BASIC, *(FAMILIES[name] for name in options.families)]:
        values = family.compute(layout, options)
        for signal in family.signals:
            arrays.append(_column(values[signal.name], signal.type))
            fields.append((signal.name, signal.type))
    if options.line_rules.any:
        arrays.append(cut_lines(layout, options.line_rules))
        fields.append(("cut_lines", CUT_LINES))
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _column(values: np.ndarray | np.ma.MaskedArray, kind: pa.DataType) -> pa.Array:
    # Not kind.to_pandas_dtype(): it imports pandas, which a worker needs for nothing else.
    dtype = np.int64 if kind == COUNT else np.float64
    if isinstance(values, np.ma.MaskedArray):
        return pa.array(values.filled(0).astype(dtype), kind, mask=np.ma.getmaskarray(values))
    return pa.array(values.astype(dtype), kind)
