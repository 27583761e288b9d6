"""Plots as files: SVG drawn here, PNG by matplotlib where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import escape

from textmill.errors import UserError
from textmill.files import replacing
from textmill.report.charts import Series, line_chart

STYLE = """<style>svg{font:12px system-ui,sans-serif;background:#fff}text{fill:#333}.tick,.note{fill:#666}
.grid{stroke:#e3e3e3}.axis{stroke:#888}.line{fill:none;stroke:#2563a8;stroke-width:2}.dot{fill:#2563a8}
.now{fill:#b5bdc9}.then{fill:#2563a8}.less{fill:#b42318}.more{fill:#1a7f4b}</style>"""
ENDINGS = (".svg", ".png")
LABEL, BARS, NOTE, ROW = 230, 420, 110, 34


def check_plot(path: Path) -> None:
    """See that a plot of this name can be drawn, before any work is done.

    Raises:
        UserError: the ending is neither .svg nor .png, or matplotlib is missing for a .png.
    """
    if path.suffix not in ENDINGS:
        raise UserError(f"{path}: expected a name that ends in .svg or .png.")
    if path.suffix == ".png":
        _matplotlib()


def plot_groups(path: Path, groups: dict[str, Sequence[dict[str, Any]]], title: str) -> None:
    """Draw two bars a row, `now` and `then`, for each row with a `name` of each group."""
    rows = [(group, row) for group, members in groups.items() for row in members]
    if path.suffix == ".png":
        _png_groups(path, rows, title)
        return
    largest = max([1, *(row[when] for _, row in rows for when in ("now", "then"))])
    parts, y = [f'<text x="12" y="22" font-weight="600">{escape(title)}</text>'], 40
    last = ""
    for group, row in rows:
        if group != last:
            y += 22
            parts.append(f'<text x="12" y="{y - 6}" class="note">{escape(group)}</text>')
            last = group
        parts.append(f'<text x="{LABEL - 8}" y="{y + 17}" text-anchor="end">{escape(row["name"])}</text>')
        for place, when in enumerate(("now", "then")):
            width = round(BARS * row[when] / largest, 1)
            parts.append(
                f'<rect class="{when}" x="{LABEL}" y="{y + 2 + 13 * place}" height="11" width="{width}"/>'
            )
        note = f"{row['now']:,} → {row['then']:,}"
        parts.append(f'<text class="note" x="{LABEL + BARS + 8}" y="{y + 18}">{note}</text>')
        y += ROW
    size = f'width="{LABEL + BARS + NOTE + 40}" height="{y + 12}"'
    _write(path, f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{STYLE}{"".join(parts)}</svg>\n')


def plot_curve(path: Path, points: Sequence[tuple[float, float]], x_label: str, y_label: str) -> None:
    """Draw a line through points."""
    if path.suffix == ".png":
        figure, axes = _axes((6, 4))
        axes.plot(*zip(*points, strict=True), marker="o" if len(points) <= 12 else None)
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        _save(figure, path)
        return
    drawn = str(line_chart([Series(y_label, points)], x_label, y_label))
    head, _, rest = drawn.partition(">")
    _write(path, f'{head} xmlns="http://www.w3.org/2000/svg" width="840" height="480">{STYLE}{rest}\n')


def _png_groups(path: Path, rows: Sequence[tuple[str, dict[str, Any]]], title: str) -> None:
    figure, axes = _axes((9, 1 + 0.4 * len(rows)))
    places = range(len(rows))
    for shift, when, colour in ((-0.2, "now", "#b5bdc9"), (0.2, "then", "#2563a8")):
        axes.barh(
            [place + shift for place in places],
            [row[when] for _, row in rows],
            0.38,
            label=when,
            color=colour,
        )
    axes.set_yticks(list(places), [f"{group}: {row['name']}" for group, row in rows])
    axes.invert_yaxis()
    axes.legend()
    axes.set_title(title, fontsize=10)
    _save(figure, path)


def _matplotlib() -> Any:
    try:
        from matplotlib import figure
    except ImportError:
        raise UserError("a .png needs matplotlib (pip install matplotlib); a .svg needs nothing.") from None
    return figure


def _axes(size: tuple[float, float]) -> tuple[Any, Any]:
    figure = _matplotlib().Figure(figsize=size, layout="constrained")
    return figure, figure.subplots()


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as temporary:
        # Nothing in the file tells when it was drawn.
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
