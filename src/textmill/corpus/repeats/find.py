"""All the repeats that the params of dedup ask for."""

from __future__ import annotations

import os
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from textmill.config.dedup import Dedup
from textmill.corpus.repeats.lines import repeated_lines
from textmill.corpus.repeats.substrings import repeated_substrings
from textmill.corpus.spans import SPAN


def find_repeats(
    clean: str | os.PathLike[str],
    params: Dedup,
    duplicates: pa.Table,
    scratch: str | os.PathLike[str],
    advance: Callable[[int], None] = lambda documents: None,
) -> pa.Table:
    """Repeated lines, paragraphs and passages, a table of schema `SPAN`.

    Passages are not looked for in documents that are duplicates of a longer one (`duplicates`, of schema
    `DUPLICATE`): `select` keeps one of each cluster, and every passage of the others would be a repeat.
    """
    found = [SPAN.empty_table()]
    if params.lines is not None:
        found.append(repeated_lines(clean, "line", params.lines.min_characters, advance))
    if params.paragraphs is not None:
        found.append(repeated_lines(clean, "paragraph", params.paragraphs.min_characters, advance))
    if params.substrings is not None:
        others = duplicates.filter(pc.not_equal(duplicates["id"], duplicates["representative"]))["id"]
        found.append(
            repeated_substrings(
                clean, params.substrings.min_tokens, scratch, others.combine_chunks(), advance
            )
        )
    return pa.concat_tables(found).combine_chunks()
