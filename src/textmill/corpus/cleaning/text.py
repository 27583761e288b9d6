"""Cleaning of one text: the reference for what the clean stage does to whole columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from textmill.config.clean import Clean
from textmill.corpus.cleaning import html, pii, unicode
from textmill.corpus.cleaning.steps import steps_of

MAX_PASSES = 10
"""One step can bring forth work for an earlier one (an entity that hides a control character), so the steps
are repeated until nothing changes, but not forever."""


class Cleaned(NamedTuple):
    """A cleaned text and how many items of each type in `pii.TYPES` were found in it."""

    text: str
    found: tuple[int, ...]


def clean(text: str, options: Clean | None = None, declared_html: bool = False) -> Cleaned:
    """Clean one text; cleaning what is clean does nothing.

    Args:
        text: any string, lone surrogates included.
        options: what to do; the defaults of the params when None.
        declared_html: the source says that this is HTML.
    """
    options = options or Clean()
    if declared_html and options.html:
        text = unicode.repair_encoding(text) if options.mojibake else text
        text = html.extract(text) if html.is_html(text, declared=True) else text
    steps, total = steps_of(options), np.zeros(len(pii.TYPES), np.int32)
    for _ in range(MAX_PASSES):
        before = text
        for step in steps:
            text = step.apply(text)
        text, found = pii.mask(text, options.pii)
        total = pii.add_counts(total, np.array(found, np.int32), options.pii)
        if text == before:
            break
    return Cleaned(text, tuple(total.tolist()))


def clean_text(text: str, options: Clean | None = None) -> str:
    """The text of `clean`."""
    return clean(text, options).text
