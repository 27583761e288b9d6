"""The operator of the clean stage: all cleaning steps in order, and the language."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.clean import Clean
from textmill.corpus.cleaning import language, names, pii
from textmill.corpus.cleaning.chinese import to_simplified
from textmill.corpus.cleaning.columns import Counts, clean_column, replaced
from textmill.corpus.cleaning.text import clean
from textmill.corpus.operators import Operator
from textmill.errors import UserError

READS = pa.schema([("text", pa.large_string()), ("lang", pa.string()), ("meta", pa.string())])


def cleaner(options: Clean) -> Operator:
    """The operator of the clean stage: replaces `text` and `lang`, adds `lang_score` and `pii_*`.

    Raises:
        UserError: a package or a model that `options` ask for is missing.
    """
    if options.names:
        names.check(options.names)
    return Operator("clean", READS, _adds(options), partial(_clean_batch, options))


def _adds(options: Clean) -> pa.Schema:
    types = [*pii.TYPES, *(names.TYPES if options.names else ())]
    counts = [(f"pii_{kind}", pa.int32()) for kind in types]
    return pa.schema(
        [("text", pa.large_string()), ("lang", pa.string()), ("lang_score", pa.float32()), *counts]
    )


def _clean_batch(options: Clean, batch: pa.RecordBatch) -> pa.RecordBatch:
    texts = pc.fill_null(batch.column("text"), "")
    declared = _declared_html(batch.column("meta")) if options.html else np.zeros(0, np.int64)
    cleaned, counts = clean_column(texts, options)
    if len(declared):
        documents = [clean(text, options, True) for text in texts.take(pa.array(declared)).to_pylist()]
        cleaned = replaced(cleaned, declared, pa.array([each.text for each in documents], cleaned.type))
        counts[declared] = [each.found for each in documents]
    languages, scores = _languages(cleaned, batch.column("lang"), options)
    if options.simplified:
        cleaned, counts = _simplified(cleaned, counts, languages, options)
    if options.names:
        cleaned, found = names.mask_names(cleaned, languages, options.names)
        counts = np.hstack([counts, found])
    columns = [cleaned, languages, scores, *(pa.array(column) for column in counts.T)]
    return pa.RecordBatch.from_arrays(columns, schema=_adds(options))


def _simplified(
    texts: pa.Array, counts: Counts, languages: pa.Array, options: Clean
) -> tuple[pa.Array, Counts]:
    """Simplify the texts in Chinese, and clean those that this changes once more."""
    places = np.flatnonzero(pc.equal(languages, "zh").to_numpy(zero_copy_only=False))
    before = texts.take(pa.array(places))
    after = pa.array([to_simplified(text) for text in before.to_pylist()], texts.type)
    changed = np.flatnonzero(pc.not_equal(before, after).to_numpy(zero_copy_only=False))
    if not len(changed):
        return texts, counts
    cleaned, found = clean_column(after.take(pa.array(changed)), options)
    places, counts = places[changed], counts.copy()
    counts[places] = pii.add_counts(counts[places], found, options.pii)
    return replaced(texts, places, cleaned), counts


def _languages(texts: pa.Array, hints: pa.Array, options: Clean) -> tuple[pa.Array, pa.Array]:
    hints = pc.fill_null(hints, "")
    if not options.language:
        return hints, pa.array(np.zeros(len(texts), np.float32))
    openings = pc.utf8_slice_codeunits(texts, 0, language.CHARACTERS).to_pylist()
    found, scores = language.detect(openings)
    unsure = pc.or_(
        pc.less(pa.array(scores), options.language_hint_below),
        pc.less(pc.utf8_length(texts), options.language_hint_characters),
    )
    keep = pc.and_(pc.not_equal(hints, ""), unsure)
    return pc.if_else(keep, hints, pa.array(found, pa.string())), pa.array(scores, pa.float32())


def _declared_html(metas: pa.Array) -> np.ndarray:
    """The places of documents whose source says that they are HTML, int64."""
    mentioned = np.flatnonzero(
        pc.fill_null(pc.match_substring(metas, '"html"'), False).to_numpy(zero_copy_only=False)
    )
    declared = [_declares_html(meta) for meta in metas.take(pa.array(mentioned)).to_pylist()]
    return mentioned[np.array(declared, bool)]


def _declares_html(meta: str) -> bool:
    try:
        values = json.loads(meta)
    except ValueError:
        raise UserError(f"column meta: expected a JSON object, found {meta[:80]!r}.") from None
    return isinstance(values, dict) and values.get("format") == "html"
