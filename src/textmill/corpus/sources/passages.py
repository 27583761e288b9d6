"""Split long records into passages at paragraph ends."""

from __future__ import annotations

import re

import pyarrow as pa

from textmill.corpus.sources.records import Records

_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*|\n(?=[ \t\u3000]{2})")
"""Ends of paragraphs: a blank line, or a line end before an indented line."""


def passages(records: Records, size: int) -> Records:
    """Records of about `size` characters: whole paragraphs are joined until the next would not fit.

    A paragraph longer than `size` stays whole. The key of a passage is its record's, ``:`` and its number.
    """
    keys, texts, meta = [], [], []
    for index, text in enumerate(records.texts.to_pylist()):
        for number, passage in enumerate(split(text, size), 1):
            keys.append(f"{records.keys[index].as_py()}:{number}")
            texts.append(passage)
            meta.append(f'{records.meta[index].as_py()[:-1]},"passage":{number}}}')
    return Records(
        pa.array(keys, pa.string()),
        pa.array(texts, pa.large_string()),
        pa.array(meta, pa.string()),
        records.origin,
    )


def split(text: str, size: int) -> list[str]:
    """The passages of a text, in order; paragraphs within one are parted by a line end."""
    found: list[str] = []
    held: list[str] = []
    length = 0
    for paragraph in _PARAGRAPH.split(text):
        paragraph = paragraph.strip()
        if not paragraph:
            continue
        if held and length + len(paragraph) > size:
            found.append("\n".join(held))
            held, length = [], 0
        held.append(paragraph)
        length += len(paragraph)
    if held:
        found.append("\n".join(held))
    return found
