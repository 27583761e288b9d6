"""Two texts side by side, with what differs (or what they share) in colour, as wide as the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

import regex
from rich.table import Table
from rich.text import Text

TOKEN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{M}\p{N}]+|\s+|[^\p{L}\p{M}\p{N}\s]")
MOST_TOKENS = 4000
"""Of longer texts only the beginnings are compared, unless everything is asked for."""
ALIKE, AROUND = 160, 50
"""Equal stretches above ALIKE characters are shortened to AROUND at either end."""


class Stretch(NamedTuple):
    """A stretch of two texts; where they are equal both hold the same."""

    equal: bool
    one: str
    other: str


def compared(one: str, other: str, full: bool = False) -> list[Stretch]:
    """The stretches of two texts, token by token (a word, a sign, white space, or a Chinese character)."""
    tokens, others = TOKEN.findall(one), TOKEN.findall(other)
    if not full:
        tokens, others = tokens[:MOST_TOKENS], others[:MOST_TOKENS]
    found = []
    for kind, a, b, c, d in SequenceMatcher(None, tokens, others, autojunk=full).get_opcodes():
        found.append(Stretch(kind == "equal", "".join(tokens[a:b]), "".join(others[c:d])))
    return found


def side_by_side(
    one: str,
    other: str,
    titles: tuple[str, str],
    width: int,
    full: bool = False,
    shared: bool = False,
    coloured: bool = True,
) -> Table:
    """Two columns. Differences are red on the left and green on the right; with `shared`, what is equal is.

    Args:
        one, other: the texts.
        titles: over the columns.
        width: of both together, in characters.
        full: show everything; otherwise long equal stretches are shortened and so is each column.
        shared: the texts are mostly different, and what matters is what they share.
        coloured: mark by colours; otherwise by ⟦brackets⟧.
    """
    made = Table(box=None, pad_edge=False, width=width)
    for title in titles:
        made.add_column(title, ratio=1, overflow="fold", header_style="bold")
    columns = Text(), Text()
    for stretch in compared(one, other, full):
        marked = (stretch.equal and len(stretch.one) >= 20) if shared else not stretch.equal
        shortened = not full and stretch.equal != shared
        styles = ("yellow", "yellow") if shared else ("red", "green")
        for column, text, style in zip(columns, stretch[1:], styles, strict=True):
            shown = _shortened(text) if shortened else text
            if marked and shown:
                column.append(shown if coloured else f"⟦{shown}⟧", style=style)
            else:
                column.append(shown)
    most = width // 2 * 14
    for column in columns:
        if not full and len(column) > most:
            column.truncate(most)
            column.append(" …")
    made.add_row(*columns)
    return made


def differences(one: str, other: str, full: bool = False) -> Iterator[tuple[str, str]]:
    """The stretches in which two texts differ: what the first has there, and what the other has."""
    for stretch in compared(one, other, full):
        if not stretch.equal:
            yield stretch.one, stretch.other


def shared_part(one: str, other: str) -> float:
    """How much of `other` is in `one`, in stretches of 20 characters or more: from 0 to 1."""
    held = sum(
        len(stretch.one) for stretch in compared(one, other) if stretch.equal and len(stretch.one) >= 20
    )
    return held / max(len(other), 1)


def _shortened(text: str) -> str:
    if len(text) <= ALIKE:
        return text
    head, tail = text[:AROUND], text[-AROUND:]
    # Between words, where there are any.
    head, tail = head.rpartition(" ")[0] or head, tail.partition(" ")[2] or tail
    return f"{head} ⟨… {len(text) - len(head) - len(tail):,} characters …⟩ {tail}"
