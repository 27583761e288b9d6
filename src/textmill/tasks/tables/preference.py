"""Rows of kind `preference`: a prompt, and two answers of which the first is preferred."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import xxhash

from textmill.config.dialogue_tasks import DialogueTask, PreferenceTask
from textmill.errors import UserError
from textmill.modeling.conversations import Message, write, write_pair
from textmill.tasks.tables import dialogue
from textmill.tasks.tables.json_lines import local_lines, messages_of
from textmill.tasks.tables.row import Row, Table


def read(task: PreferenceTask, local: Path) -> Table:
    """Read the lines of all files. Dropped are rows whose answers are equal.

    Args:
        task: where they are.
        local: the folder that the files are relative to.

    Raises:
        UserError: a file is missing, or a line lacks a prompt or an answer.
    """
    table = Table("preference", [], task.lang, task.lang)
    for entry, place, path, split in local_lines(task, local):
        prompt = _prompt(entry.get("prompt"), place)
        chosen, rejected = (_answer(entry.get(key), place, key) for key in ("chosen", "rejected"))
        if chosen == rejected:
            table.dropped["equal answers"] += 1
            continue
        key = f"{path}:{place.rsplit(' ', 1)[1]}"
        table.rows.append(Row(key, write(prompt), write_pair(chosen, rejected), path, split, place))
    if task.packages:
        table.rows += _of_conversations(task, table)
    return table


def _of_conversations(task: PreferenceTask, table: Table) -> list[Row]:
    """The last turn of each conversation, preferred to that of another one; which one its key decides."""
    declared = DialogueTask(kind="dialogue", license=task.license, packages=task.packages)
    found = dialogue.read(declared, Path())
    table.dropped += found.dropped
    by_language: dict[str, list[Row]] = defaultdict(list)
    for row in found.rows:
        by_language[row.target_lang].append(row)
    rows = []
    for row in found.rows:
        others = by_language[row.target_lang]
        other = others[xxhash.xxh3_64_intdigest(row.key.encode()) % len(others)]
        if other.group == row.group or other.target == row.target:
            table.dropped["no other answer"] += 1
            continue
        rows.append(row._replace(target=write_pair(row.target, other.target)))
    return rows


def _prompt(value: Any, place: str) -> list[Message]:
    if isinstance(value, str) and value.strip():
        return [{"role": "user", "content": value.strip()}]
    messages = messages_of(value, place, "prompt")
    if messages[-1]["role"] != "user":
        raise UserError(f"{place}: prompt: expected the user to speak last, found {messages[-1]['role']}.")
    return messages


def _answer(value: Any, place: str, key: str) -> str:
    if isinstance(value, str):
        if not value.strip():
            raise UserError(f"{place}: {key}: expected an answer, found none.")
        return value.strip()
    return messages_of(value, place, key)[-1]["content"]
