"""The terminal: tables, bars, and how wide it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

BLOCKS = " ▏▎▍▌▋▊▉█"


def console() -> Console:
    """Standard output; colours only where it is a terminal, the width from the terminal or COLUMNS."""
    return Console(highlight=False, markup=False, emoji=False)


def coloured(screen: Console) -> bool:
    """Whether colours reach the reader."""
    return screen.color_system is not None


def counted(number: int, noun: str) -> str:
    """A number and what it counts: ``1 document``, ``2 documents``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> Table:
    """Rows under headings; columns of numbers stand to the right, and changes are signed."""
    made = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, name in enumerate(columns):
        values = [row[number] for row in rows]
        numeric = bool(values) and all(isinstance(value, int | float) or value is None for value in values)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(value, columns[number] == "change") for number, value in enumerate(row)))
    return made


def cell(value: Any, signed: bool = False) -> Text:
    """A value as a table shows it."""
    if value is None:
        return Text("")
    if signed and isinstance(value, int):
        return Text(
            f"{value:+,}" if value else "0", style="green" if value > 0 else "red" if value < 0 else ""
        )
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    return value if isinstance(value, Text) else Text(str(value))


def bar(value: float, largest: float, width: int) -> str:
    """A bar of eighths of a character, `width` characters long for the largest value; some is not nothing."""
    if not largest or not value:
        return ""
    eighths = max(round(8 * width * abs(value) / largest), 1)
    full, rest = divmod(eighths, 8)
    return BLOCKS[8] * full + (BLOCKS[rest] if rest else "")


def bars(rows: Sequence[tuple[str, float, str]], width: int) -> Text:
    """Lines of label, bar and note; bars below zero are red, above green, beside each other in scale.

    Args:
        rows: label, value, and what stands after the bar.
        width: of the whole in characters.
    """
    if not rows:
        return Text("")
    label = min(max(len(name) for name, _, _ in rows), width // 3)
    note = max(len(text) for _, _, text in rows)
    room = max(width - label - note - 4, 8)
    largest = max(abs(value) for _, value, _ in rows)
    text = Text()
    for name, value, after in rows:
        shown = name if len(name) <= label else name[: label - 1] + "…"
        drawn = bar(value, largest, room)
        text.append(f"{shown:<{label}}  ")
        text.append(drawn, style="red" if value < 0 else "green")
        text.append(f" {after}\n")
    text.rstrip()
    return text
