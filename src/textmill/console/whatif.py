"""`textmill whatif`: what select would keep with other thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from textmill.config.load import params_file, read_params, validated
from textmill.config.override import assignment, overridden, parsed
from textmill.config.select import Select
from textmill.console.plots import check_plot, plot_curve, plot_groups
from textmill.console.screen import bars, console, table
from textmill.corpus.lookup import find_documents, read_row
from textmill.corpus.whatif.difference import difference
from textmill.corpus.whatif.outcomes import Outcome, changed, outcomes
from textmill.errors import UserError

NEEDS_TEXT = ("ingest", "tasks", "clean", "annotate", "quality", "dedup", "contamination")
MOST_STEPS = 200
Change = tuple[list[str], Any]


@dataclass(frozen=True)
class Display:
    """What is shown: changed documents, the beginnings of their texts, a plot, JSON instead of tables."""

    show: int = 0
    text: bool = False
    plot: Path | None = None
    json: bool = False


def whatif(assignments: Sequence[str], sweep: str, display: Display, data: Path = Path("data")) -> None:
    """Print what would change.

    Raises:
        UserError: a key is not select's or unknown, a value is wrong, or a stage before select has not run.
    """
    if not assignments and not sweep:
        raise UserError("nothing to try: name a change such as select.gopher.min_words=20, or a --sweep.")
    if display.plot:
        check_plot(display.plot)
    params = read_params()
    changes = [_change(text) for text in assignments]
    now = _select(params, [])
    seed = params.get("seed")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise UserError(f"{params_file()}: seed: expected an integer, found {seed!r}.")
    if sweep:
        key, values = _sweep(sweep)
        trials = [_select(params, [*changes, (key, value)]) for value in values]
        _show_sweep(".".join(key), values, outcomes(data, [now, *trials], seed), display)
        return
    before, after = outcomes(data, [now, _select(params, changes)], seed)
    _show(assignments, before, after, display, data)


def _change(text: str) -> Change:
    trail, value = assignment(text)
    _refuse_other_stages(trail)
    return trail, parsed(value, ".".join(trail))


def _refuse_other_stages(trail: list[str]) -> None:
    section, key = trail[0], ".".join(trail)
    if section in NEEDS_TEXT:
        raise UserError(
            f"{key}: the stage {section} would have to run again, which reads the texts; whatif only "
            "looks at what is stored. Change it in params.yaml, then `textmill run select`."
        )
    if section != "select":
        raise UserError(f"{key}: does not change which documents are kept. Keys that do begin with select.")


def _select(params: dict[str, Any], changes: Sequence[Change]) -> Select:
    values = overridden(params, changes)
    return validated(Select, values.get("select") or {}, params_file(), "select")


def _sweep(text: str) -> tuple[list[str], list[float]]:
    trail, written = assignment(text)
    _refuse_other_stages(trail)
    key = ".".join(trail)
    try:
        if ":" in written:
            start, stop, step = (float(part) for part in written.split(":"))
            if step <= 0 or stop < start or not math.isfinite((stop - start) / step):
                raise ValueError
            values = [
                start + step * number
                for number in range(min(int((stop - start) / step + 1e-9), MOST_STEPS) + 1)
            ]
        else:
            values = [float(part) for part in written.split(",")]
    except ValueError:
        raise UserError(
            f"--sweep {key}: expected START:STOP:STEP or values with commas between them, found {written!r}."
        ) from None
    if len(values) > MOST_STEPS:
        raise UserError(f"--sweep {key}: more than {MOST_STEPS} values; expected a larger step.")
    # A float such as 0.30000000000000004 is not what anybody asks for.
    return trail, [int(value) if value.is_integer() else round(value, 12) for value in values]


def _show(assignments: Sequence[str], now: Outcome, then: Outcome, display: Display, data: Path) -> None:
    found = difference(now.funnel, then.funnel)
    moved = changed(now, then)
    if display.plot:
        groups = {"kept, by source": found["sources"], "kept, by language": found["languages"]}
        changing = [row for row in found["rules"] if row["change"]]
        plot_groups(display.plot, {**groups, "dropped, by rule": changing}, " ".join(assignments))
    if display.json:
        examples = list(_examples(moved, display, data)) if display.show else []
        print(_json({"changes": list(assignments), **found, "stops": then.stops, "changed": examples}))
        return
    screen = console()
    columns = ["now", "then", "change"]
    if then.stops:
        screen.print(f"select would stop: {then.stops}\n")
    rows = [[row["name"], *(row[key] for key in columns)] for row in found["rules"] if row["change"]]
    if rows:
        screen.print(table(["dropped by", *columns], rows))
        screen.print(f"{len(found['rules']) - len(rows)} other rules drop as many as now\n")
    for key, title in (("sources", "kept of source"), ("languages", "kept of language")):
        listed = [*found[key], found["total"]] if key == "sources" else found[key]
        rows = [[row["name"], row["in"], *(row[name] for name in columns)] for row in listed]
        screen.print(table([title, "came in", *columns], rows), "")
    drawn = [(row["name"], row["change"], f"{row['change']:+,}") for row in found["sources"] if row["change"]]
    screen.print(bars(drawn, min(screen.width, 100)) if drawn else "No source keeps more or fewer.")
    if display.plot:
        screen.print(f"\ndrawn: {display.plot}")
    for row in _examples(moved, display, data) if display.show else ():
        sides = f"{row['now']} → {row['then']}"
        screen.print(f"\n{row['id']}  {row['source']} {row['lang']}\n  {sides}", soft_wrap=True)
        if "text" in row:
            screen.print(f"  {row['text']}", no_wrap=True, overflow="ellipsis")


def _examples(moved: pa.Table, display: Display, data: Path) -> Iterator[dict[str, str]]:
    """The first documents of each direction, with the beginnings of their texts if asked for."""
    rows = moved.to_pylist()
    chosen = [row for row in rows if row["then"] == "kept"][: display.show]
    chosen += [row for row in rows if row["then"] != "kept"][: display.show]
    places = find_documents(data / "clean", [row["id"] for row in chosen]) if display.text else {}
    for row in chosen:
        if display.text:
            text = read_row(places[row["id"]], ["text"])["text"]
            row["text"] = " ".join(text[:300].split())
        yield row


def _show_sweep(key: str, values: Sequence[float], found: Iterator[Outcome], display: Display) -> None:
    now = next(found).funnel["documents"]["kept"]
    points = []
    for value, outcome in zip(values, found, strict=True):
        documents, characters = outcome.funnel["documents"]["kept"], outcome.funnel["characters"]["kept"]
        points.append(
            {
                "value": value,
                "documents": documents,
                "characters": characters,
                "change": documents - now,
                "stops": outcome.stops,
            }
        )
    if display.plot:
        plot_curve(display.plot, [(p["value"], p["documents"]) for p in points], key, "documents kept")
    if display.json:
        print(_json({"sweep": key, "now": now, "points": points}))
        return
    screen = console()
    screen.print(f"documents kept by {key}; {now:,} now\n")
    rows = [
        (
            f"{p['value']:g}",
            p["documents"],
            f"{p['documents']:,} ({p['change']:+,})" + (" select would stop" if p["stops"] else ""),
        )
        for p in points
    ]
    screen.print(bars(rows, min(screen.width, 100)))
    if display.plot:
        screen.print(f"\ndrawn: {display.plot}")


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
