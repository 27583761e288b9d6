"""Cleaning of whole columns: RE2 searches for clues, Python sees only the texts that have one.

The result is that of `textmill.corpus.cleaning.text.clean`, text by text.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.clean import Clean, Pii
from textmill.corpus.cleaning import pii
from textmill.corpus.cleaning.pii.kind import any_of
from textmill.corpus.cleaning.steps import steps_of
from textmill.corpus.cleaning.text import MAX_PASSES

Counts = npt.NDArray[np.int32]


def clean_column(texts: pa.Array, options: Clean) -> tuple[pa.Array, Counts]:
    """Clean a column of texts.

    Args:
        texts: large_string without nulls.
        options: what to do.

    Returns:
        The texts, and int32 counts of shape (texts, `pii.TYPES`).
    """
    steps = steps_of(options)
    counts = np.zeros((len(texts), len(pii.TYPES)), np.int32)
    rows, pending = np.arange(len(texts)), texts
    for _ in range(MAX_PASSES):
        changed = np.zeros(len(pending), bool)
        for step in steps:
            places = _with_clue(pending, step.clue)
            pending = _changed(pending, places, step.apply, changed)
        pending, found = mask_column(pending, options.pii, changed)
        counts[rows] = pii.add_counts(counts[rows], found, options.pii)
        texts = pending if len(rows) == len(texts) else replaced(texts, rows, pending)
        if not changed.any():
            break
        rows, pending = rows[changed], pending.filter(pa.array(changed))
    return texts, counts


def mask_column(
    texts: pa.Array, options: Pii, changed: npt.NDArray[np.bool_] | None = None
) -> tuple[pa.Array, Counts]:
    """`pii.mask` for a column: the texts, and int32 counts of shape (texts, `pii.TYPES`).

    Args:
        texts: large_string without nulls.
        options: what to do with each type.
        changed: set to True for the texts that become others.
    """
    counts = np.zeros((len(texts), len(pii.TYPES)), np.int32)
    kinds = pii.wanted(options)
    if not kinds:
        return texts, counts
    places = _with_clue(texts, any_of(*(kind.clue for kind in kinds)))
    if not len(places):
        return texts, counts
    chosen = texts.take(pa.array(places))
    clues = [pc.match_substring_regex(chosen, kind.clue).to_pylist() for kind in kinds]
    new, new_places = [], []
    for number, text in enumerate(chosen.to_pylist()):
        masked, found = pii.mask(
            text, options, [kind for kind, hits in zip(kinds, clues, strict=True) if hits[number]]
        )
        counts[places[number]] = found
        if masked != text:
            new.append(masked)
            new_places.append(places[number])
    if not new:
        return texts, counts
    if changed is not None:
        changed[new_places] = True
    return replaced(texts, np.array(new_places), pa.array(new, texts.type)), counts


def replaced(texts: pa.Array, places: npt.NDArray[np.int64], values: pa.Array) -> pa.Array:
    """`texts` with `values` in the given places, which ascend."""
    order = np.arange(len(texts))
    order[places] = len(texts) + np.arange(len(places))
    return pa.concat_arrays([texts, values]).take(pa.array(order))


def _with_clue(texts: pa.Array, clue: str) -> npt.NDArray[np.int64]:
    return np.flatnonzero(pc.match_substring_regex(texts, clue).to_numpy(zero_copy_only=False))


def _changed(
    texts: pa.Array,
    places: npt.NDArray[np.int64],
    apply: Callable[[str], str],
    changed: npt.NDArray[np.bool_],
) -> pa.Array:
    new, new_places = [], []
    for place, text in zip(places, texts.take(pa.array(places)).to_pylist(), strict=True):
        result = apply(text)
        if result != text:
            new.append(result)
            new_places.append(place)
    if not new:
        return texts
    changed[new_places] = True
    return replaced(texts, np.array(new_places), pa.array(new, texts.type))
