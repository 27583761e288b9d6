"""`textmill explain`: a document's whole life on one screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
from rich.console import Console
from rich.text import Text

from textmill.config.load import params_file, read_params, validated
from textmill.config.select import Select
from textmill.console import finding
from textmill.console.screen import coloured, console, table
from textmill.console.sides import differences, shared_part, side_by_side
from textmill.corpus.explain.life import life_of, text_of, unreadable
from textmill.corpus.lookup import Place, read_row
from textmill.errors import UserError
from textmill.registry.seen import Seen, seen_by

SHORT = 700
"""Characters of a text that are shown without --full."""


def explain(
    identity: str, match: str, key: tuple[str, str] | None, full: bool, as_json: bool, root: Path = Path()
) -> None:
    """Print what is known of a document, of a task row, or of an input that could not be read.

    Raises:
        UserError: nothing or too much is meant, or the stages have not run.
    """
    if sum(map(bool, (identity, match, key))) != 1:
        raise UserError("expected one of: the id of a document, --match EXPRESSION, --key SOURCE KEY.")
    data = root / "data"
    if match:
        found = finding.by_text(data, match)
        if len(found) > 1:
            _choose(found)
            return
        name, place = next(iter(found.items()))
    elif key:
        name, place = finding.by_key(data, *key)
    else:
        document = finding.by_prefix(data, identity)
        if document is None:
            _others(data, identity, as_json, root)
            return
        name, place = document
    life = life_of(data, place, _params())
    seen = seen_by(root, [name])
    if as_json:
        print(_json({**life, "models": [one.as_dict() for one in seen]}))
        return
    screen = console()
    for part in (_head, _decision, _cleaning, _signals, _duplicates, _overlaps):
        part(screen, life, data, full)
    _models(screen, seen)


def _params() -> Select:
    return validated(Select, read_params().get("select") or {}, params_file(), "select")


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()


def _choose(found: dict[str, Place]) -> None:
    rows = []
    for name, place in found.items():
        row = read_row(place, ["source", "text"])
        rows.append([name, row["source"], " ".join(row["text"][:200].split())[:60]])
    screen = console()
    screen.print(table(["id", "source", "text"], rows))
    more = " or more" if len(rows) == 20 else ""
    screen.print(f"\n{len(rows)}{more} documents match; `textmill explain ID` explains one.")


def _others(data: Path, identity: str, as_json: bool, root: Path) -> None:
    """What has this id and is no document."""
    prefix = finding.checked(identity)
    rows = finding.task_rows(data, [prefix], prefix=True)
    failed = unreadable(data, prefix)
    if len(rows) + len(failed) > 1:
        raise UserError(f"{identity}: several task rows begin so: {', '.join(rows)}. Name more digits.")
    if failed:
        row = failed[0]
        print(
            _json(row)
            if as_json
            else f"{row['id']} of {row['source']} could not be read: {row['place']}: "
            f"found {row['reason']}, expected {row['expected']}"
        )
        return
    if not rows:
        raise UserError(
            f"{identity}: no document, task row or unreadable input has this id. Ids change when a source or "
            "a key is renamed; `textmill explain --match EXPRESSION` finds documents by their text."
        )
    name, (task, split) = next(iter(rows.items()))
    path = data / "tasks" / task / f"{split}.parquet"
    row = pq.read_table(path, filters=[("id", "=", name)]).to_pylist()[0]
    seen = seen_by(root, [name])
    if as_json:
        print(_json({**row, "task": task, "split": split, "models": [one.as_dict() for one in seen]}))
        return
    screen = console()
    screen.print(Text(f"{name}  a {split} row of the task {task}", style="bold"))
    screen.print(f"source {row['source']}\n\ninput   {row['input']}\ntarget  {row['target']}\n")
    _models(screen, seen)


def _head(screen: Console, life: dict[str, Any], data: Path, full: bool) -> None:
    screen.print(Text(life["id"], style="bold"))
    meta = life["meta"]
    if isinstance(meta, dict):
        meta = ", ".join(f"{key} {value}" for key, value in meta.items())
    screen.print(f"source   {life['source']} ({life['license']})", soft_wrap=True)
    if meta:
        screen.print(f"from     {meta}", soft_wrap=True)
    score = f", detected with {life['lang_score']:.2f}" if life["lang_score"] else ""
    screen.print(f"language {life['lang'] or 'unknown'}{score}")
    masked = ", ".join(f"{kind} {count}" for kind, count in life["pii"].items() if count) or "none"
    screen.print(f"masked   {masked}")


def _decision(screen: Console, life: dict[str, Any], data: Path, full: bool) -> None:
    decision = life["decision"]
    failing = [row for row in life["rules"] if not row["passed"]]
    if decision["fate"] == "undecided":
        screen.print("fate     undecided: select has not run on it")
    elif decision["fate"] != "dropped":
        screen.print(Text(f"fate     kept, in {decision['fate']}", style="green"))
        if failing:
            listed = ", ".join(row["rule"] for row in failing)
            screen.print(f"         with params.yaml as it is now it would fail: {listed}")
    else:
        value = _measured(decision)
        screen.print(Text(f"fate     dropped by {decision['rule']}{value}", style="red"))
        if decision["matched_id"]:
            screen.print(f"         because of {decision['matched_id']}")
        others = [row["rule"] for row in failing if row["rule"] != decision["rule"]]
        if others:
            screen.print(f"         would also fail: {', '.join(others)}")
        own = decision["stage"] in ("annotate", "contamination", "clean")
        if own and decision["rule"] not in {row["rule"] for row in failing}:
            screen.print(
                "         with params.yaml as it is now it would pass that rule; select has not run since"
            )
    for cut in life["cuts"]:
        screen.print(f"cut      {cut['start']:,} to {cut['end']:,} by {cut['rule']}")
    screen.print()


def _measured(decision: dict[str, Any]) -> str:
    if decision["value"] is None:
        return ""
    if decision["stage"] == "dedup":
        return f": similarity {decision['value']:.4g} with the one kept"
    return f": {decision['value']:.4g}, expected {decision['threshold']}"


def _cleaning(screen: Console, life: dict[str, Any], data: Path, full: bool) -> None:
    text, raw = life["text"], life["raw"]
    if raw is not None and raw != text:
        if full or len(raw) < 4 * SHORT:
            screen.print(
                side_by_side(
                    raw, text, ("as it came", "cleaned"), screen.width, full, coloured=coloured(screen)
                )
            )
        else:
            screen.print(f"cleaned  {len(raw):,} characters became {len(text):,}")
            for one, other in list(_visible(differences(raw, text)))[:8]:
                screen.print(f"  {one!r} → {other!r}", soft_wrap=True)
    else:
        shown = text if full or len(text) <= SHORT else f"{text[:SHORT]} …"
        note = "" if raw is None else ", unchanged by cleaning"
        screen.print(Text(f"text ({len(text):,} characters{note})", style="bold"))
        screen.print(shown)
    screen.print()


def _visible(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for one, other in pairs:
        yield one[:60] + ("…" if len(one) > 60 else ""), other[:60] + ("…" if len(other) > 60 else "")


def _signals(screen: Console, life: dict[str, Any], data: Path, full: bool) -> None:
    rows = [
        [
            row["rule"],
            row["value"] if row["value"] is not None else "not measured",
            row["threshold"],
            row["of"],
            Text("pass", style="green") if row["passed"] else Text("fail", style="red"),
        ]
        for row in life["rules"]
    ]
    if rows:
        for row in rows:
            row[1] = f"{row[1]:,.4g}" if isinstance(row[1], float) else str(row[1])
        screen.print(table(["rule", "value", "kept if", "written in", ""], rows), "")
    bounded = {row["signal"] for row in life["rules"]}
    others = {name: value for name, value in life["signals"].items() if name not in bounded}
    if others:
        listed = ", ".join(f"{name} {value:.4g}" for name, value in others.items())
        screen.print(f"not asked by a rule: {listed}\n")


def _duplicates(screen: Console, life: dict[str, Any], data: Path, full: bool) -> None:
    members = [row for row in life["duplicates"] if row["id"] != life["id"]]
    if not members:
        screen.print("duplicates: none\n")
        return
    screen.print(Text(f"duplicates: a cluster of {len(members) + 1}", style="bold"))
    shown = members if full else members[:8]
    rows = [
        [
            row["id"],
            row["source"],
            row["kind"],
            row["jaccard"],
            {True: "kept", False: "dropped"}.get(row["kept"], ""),
        ]
        for row in shown
    ]
    screen.print(table(["id", "source", "kind", "similarity with the longest", ""], rows))
    if len(shown) < len(members):
        screen.print(f"and {len(members) - len(shown)} more; --full lists them")
    matched = life["decision"].get("matched_id")
    other = next((row for row in members if row["id"] == matched), None) or next(
        (row for row in members if row["kept"]), members[0]
    )
    text = text_of(data, other["id"])
    if text is not None and text != life["text"]:
        titles = ("this document", other["id"])
        screen.print(
            "", side_by_side(life["text"], text, titles, screen.width, full, coloured=coloured(screen))
        )
    elif text is not None:
        screen.print(f"{other['id']} has the same text")
    screen.print()


def _overlaps(screen: Console, life: dict[str, Any], data: Path, full: bool) -> None:
    if not life["overlaps"]:
        screen.print("contamination: none\n")
    for row in life["overlaps"]:
        screen.print(
            Text(
                f"contamination: {row['ngrams']:,} n-grams of row {row['matched_id']} of {row['task']}, "
                f"{row['fraction']:.3g} of its text; {row['allowed']:g} is allowed",
                style="bold",
            )
        )
        text = max(row["texts"].values(), key=lambda text: shared_part(life["text"], text), default="")
        if text:
            titles = ("this document", f"row of {row['task']}")
            screen.print(side_by_side(life["text"], text, titles, screen.width, full, True, coloured(screen)))
        screen.print()


def _models(screen: Console, seen: Sequence[Seen]) -> None:
    if not seen:
        screen.print("models: no registered version saw it")
        return
    screen.print(Text("models that saw it", style="bold"))
    how = {"train": "trained on it", "unknown": "cannot be told: its data is no longer in the DVC cache"}
    rows = [
        [
            one.model,
            one.version,
            ", ".join(one.aliases),
            how.get(one.how, f"measured on it ({one.how})"),
            one.data,
        ]
        for one in seen
    ]
    screen.print(table(["model", "version", "alias", "how", "through"], rows))
