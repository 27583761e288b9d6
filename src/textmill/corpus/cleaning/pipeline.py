"""All cleaning steps in order, for one text and as the operator of the clean stage."""

from __future__ import annotations

import json
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from textmill.config.clean import Clean
from textmill.corpus.cleaning import html, language, pii, unicode
from textmill.corpus.operators import Operator
from textmill.errors import UserError

_MAX_PASSES = 10

READS = pa.schema([("text", pa.large_string()), ("lang", pa.string()), ("meta", pa.string())])
ADDS = pa.schema(
    [
        ("text", pa.large_string()),
        ("lang", pa.string()),
        ("lang_score", pa.float32()),
        *((f"pii_{kind}", pa.int32()) for kind in pii.TYPES),
    ]
)


class Cleaned(NamedTuple):
    """A cleaned text and how many items of each type in `pii.TYPES` were masked in it."""

    text: str
    masked: tuple[int, int, int, int]


def clean(text: str, options: Clean | None = None, declared_html: bool = False) -> Cleaned:
    """Clean one text.

    One step can bring forth work for an earlier one (an entity that hides a control character), so the steps
    are repeated until nothing changes: cleaning what is clean does nothing.

    Args:
        text: any string, lone surrogates included.
        options: what to do; the defaults of the params when None.
        declared_html: the source says that this is HTML.
    """
    options = options or Clean()
    masked = (0, 0, 0, 0)
    for _ in range(_MAX_PASSES):
        before = text
        text, found = _clean_once(text, options, declared_html)
        if text == before:
            break
        masked = tuple(map(sum, zip(masked, found, strict=True)))  # type: ignore[assignment]
        declared_html = False
    return Cleaned(text, masked)


def clean_text(text: str, options: Clean | None = None) -> str:
    """The text of `clean`."""
    return clean(text, options).text


def _clean_once(text: str, options: Clean, declared_html: bool) -> tuple[str, tuple[int, int, int, int]]:
    if options.mojibake:
        text = unicode.repair_encoding(text)
    if options.html and html.is_html(text, declared_html):
        text = html.extract(text)
    if options.entities:
        text = unicode.replace_entities(text)
    return pii.mask(unicode.normalize(text), options.mask)


def cleaner(options: Clean) -> Operator:
    """The operator of the clean stage: replaces `text` and `lang`, adds `lang_score` and `pii_*`."""
    return Operator("clean", READS, ADDS, partial(_clean_batch, options))


def _clean_batch(options: Clean, batch: pa.RecordBatch) -> pa.RecordBatch:
    declared = [_declares_html(meta) for meta in batch.column("meta").to_pylist()]
    texts = batch.column("text").to_pylist()
    cleaned = [clean(text or "", options, html) for text, html in zip(texts, declared, strict=True)]
    texts = [document.text for document in cleaned]
    hints = [hint or "" for hint in batch.column("lang").to_pylist()]
    languages, scores = language.detect(texts) if options.language else (hints, [0.0] * len(texts))
    languages = [
        hint
        if hint and (score < options.language_hint_below or len(text) < options.language_hint_characters)
        else found
        for text, found, score, hint in zip(texts, languages, scores, hints, strict=True)
    ]
    counts = (
        zip(*(document.masked for document in cleaned), strict=True) if cleaned else [()] * len(pii.TYPES)
    )
    columns = [texts, languages, scores, *map(list, counts)]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, ADDS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=ADDS)


def _declares_html(meta: str | None) -> bool:
    if not meta or '"html"' not in meta:
        return False
    try:
        values = json.loads(meta)
    except ValueError:
        raise UserError(f"column meta: expected a JSON object, found {meta[:80]!r}.") from None
    return isinstance(values, dict) and values.get("format") == "html"
