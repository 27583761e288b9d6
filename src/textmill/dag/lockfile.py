"""dvc.lock as text: whole or mended, with its stages in the order `dvc repro` leaves.

DVC writes the file in place, piece by piece; a process killed meanwhile leaves it empty or cut off. Here a
stage's entry is put into the text as DVC itself would print it, and the file is replaced at once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from textmill.files import replacing, write_json

HEAD = "schema: '2.0'\nstages:\n"
_ENTRY = re.compile(r"^  (?=[^\s#-])(?P<name>.+):\n", re.MULTILINE)


def split(text: str) -> tuple[str, dict[str, str]]:
    """The head of a lock file (up to and with ``stages:``) and the text of each stage's entry, in order.

    The last entry ends with a newline here, though DVC's file does not have to.
    """
    if not text:
        return HEAD, {}
    text = text if text.endswith("\n") else text + "\n"
    start = text.find("stages:\n")
    if start < 0:
        return text, {}
    start += len("stages:\n")
    starts = [(match.start(), match["name"].strip("'\"")) for match in _ENTRY.finditer(text, start)]
    ends = [*(position for position, _ in starts[1:]), len(text)]
    return text[:start], {name: text[at:end] for (at, name), end in zip(starts, ends, strict=False)}


def join(head: str, entries: dict[str, str], order: Iterable[str] = ()) -> str:
    """The text of a lock file: entries named by `order` in that order, the others behind them as they are."""
    placed = dict.fromkeys(name for name in order if name in entries)
    placed.update(dict.fromkeys(entries))
    return head + "".join(entries[name] for name in placed)


def whole(text: str) -> bool:
    """Whether DVC would accept `text` as a lock file."""
    from ruamel.yaml import YAML, YAMLError

    try:
        content = YAML(typ="safe").load(text)
    except YAMLError:
        return False
    if not isinstance(content, dict) or content.get("schema") != "2.0":
        return False
    stages = content.get("stages", {})
    return isinstance(stages, dict) and all(_whole_entry(entry) for entry in stages.values())


def _whole_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and "cmd" in entry
        and all(isinstance(entry.get(key, []), list) for key in ("deps", "outs"))
        and all(
            isinstance(item, dict) and "path" in item
            for key in ("deps", "outs")
            for item in entry.get(key, [])
        )
        and isinstance(entry.get("params", {}), dict)
        and all(isinstance(values, dict) for values in entry.get("params", {}).values())
    )


def mended(text: str) -> str | None:
    """The longest run of whole entries from the start of `text`; None when not one is whole."""
    head, entries = split(text)
    while entries:
        entries.popitem()
        kept = join(head, entries)
        if entries and whole(kept):
            return kept
    return None


def mend(path: Path) -> str | None:
    """Repair a lock file that a killed process left cut off.

    What is lost are entries at its end; DVC brings their outs back from its run cache.

    Returns:
        What was done, in one sentence, or None when the file was whole or absent.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    if whole(text):
        return None
    kept = mended(text)
    if kept is None:
        path.unlink()
        return f"{path.name} was cut off by a killed process and held no whole entry; it is written anew"
    write_text(path, kept)
    return f"{path.name} was cut off by a killed process; kept its first {len(split(kept)[1])} entries"


def write_text(path: Path, text: str) -> None:
    """Replace the lock file at once; nothing is written when it already holds `text`."""
    if path.exists() and path.read_bytes() == text.encode():
        return
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def put(path: Path, printed: str, order: Sequence[str]) -> None:
    """Put the entries of `printed`, a lock file as DVC prints it, into the file at `path`.

    Args:
        path: the lock file; may be absent.
        printed: a lock file with the new entries.
        order: names of stages in the order they shall stand in.
    """
    head, entries = split(path.read_text(encoding="utf-8") if path.exists() else "")
    entries.update(split(printed)[1])
    write_text(path, join(head, entries, order))


def target_order(path: Path, planned: Sequence[str], memory: Path) -> list[str]:
    """The order in which `dvc repro` would leave the stages, starting from the lock file at `path`.

    `dvc repro` keeps entries where they are and appends new ones as it comes to them. A run that executes
    stages side by side finishes them in another order, and may be killed in between; the order it was heading
    for is therefore kept at `memory` until `settle`.

    Args:
        path: the lock file; may be absent.
        planned: all stages in the order `dvc repro` executes them.
        memory: where an unfinished run left its target order.
    """
    present = list(split(path.read_text(encoding="utf-8"))[1]) if path.exists() else []
    try:
        before = json.loads(memory.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        before = {"present": [], "order": []}
    if before["order"] and set(before["present"]) <= set(present) <= set(before["order"]):
        present, known = before["present"], before["order"]
    else:
        known = present
    order = list(dict.fromkeys([*known, *planned]))
    write_json(memory, {"present": present, "order": order})
    return order


def settle(path: Path, order: Sequence[str], memory: Path) -> None:
    """End a run: put the entries in `order`, and forget that order once every stage of it has an entry."""
    if not path.exists():
        return
    text = path.read_text(encoding="utf-8")
    head, entries = split(text)
    write_text(path, join(head, entries, order))
    if set(order) <= set(entries):
        memory.unlink(missing_ok=True)


def lock_file(root: str | os.PathLike[str]) -> Path:
    """Where dvc.lock is."""
    return Path(root) / "dvc.lock"
