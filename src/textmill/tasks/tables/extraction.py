"""Rows of kind `extraction`: a question and a context, and the answers that stand in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from textmill.config.labelled_tasks import ExtractionTask
from textmill.errors import UserError
from textmill.modeling.targets import Answer, write_answers
from textmill.tasks.tables.row import Row, Table
from textmill.tasks.tables.texts import File, field, json_lines, texts


class Question(NamedTuple):
    """A question as a file has it; an answer without a known place has the place -1."""

    key: str
    question: str
    context: str
    answers: list[Answer]
    place: str


def read(task: ExtractionTask, local: Path) -> Table:
    """Read the questions of all files. An answer that is not in its context makes a row dropped and counted.

    Raises:
        UserError: a file is missing, is not as declared, or a question or context is no text.
    """
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    for file in texts(task, local):
        before = len(rows)
        for found in _questions(file, task):
            answers = [located(answer, found.context) for answer in found.answers]
            if any(answer is None for answer in answers):
                dropped["answer not in the context"] += 1
                continue
            text = f"{' '.join(found.question.split())}\n{found.context}"
            target = write_answers(answer for answer in answers if answer is not None)
            rows.append(Row(found.key, text, target, file.source, file.split, found.place))
        if len(rows) == before:
            raise UserError(f"{file.where}: no usable questions; dropped: {dict(dropped) or 'none'}.")
    return Table("extraction", rows, task.lang, task.lang, dropped)


def located(answer: Answer, context: str) -> Answer | None:
    """The answer where the context has it: at its place, or nearest to it; None where it is nowhere.

    White space within it may be another, as ``40,000`` and ``40 , 000`` in a text cut into words.
    """
    if context.startswith(answer.text, max(answer.start, 0)):
        return answer._replace(start=max(answer.start, 0))
    pattern = r"\s*".join(re.escape(sign) for sign in answer.text if not sign.isspace())
    found = list(re.finditer(pattern, context)) if pattern else []
    if not found:
        return None
    exact = [match for match in found if match.group() == answer.text] or found
    best = min(exact, key=lambda match: (abs(match.start() - answer.start), match.start()))
    return Answer(best.group(), best.start())


def _questions(file: File, task: ExtractionTask) -> Iterator[Question]:
    if file.suffix == ".json":
        yield from _squad(file)
        return
    for place, row in json_lines(file):
        question, context = (
            _text(field(row, name, place), name, place) for name in (task.question, task.context)
        )
        answers = _answers(field(row, task.answer, place), task.answer, place)
        answers = [answer for answer in answers if answer.text != task.no_answer]
        yield Question(place, question, context, answers, place)


def _squad(file: File) -> Iterator[Question]:
    """The nested form of Rajpurkar et al. 2016 and 2018."""
    try:
        articles = orjson.loads(file.text)["data"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise UserError(f"{file.where}: expected SQuAD's JSON with `data`, found something else.") from None
    for number, article in enumerate(articles, 1):
        for order, paragraph in enumerate(field(article, "paragraphs", f"{file.where}: article {number}"), 1):
            place = f"{file.where}: article {number}, paragraph {order}"
            context = _text(field(paragraph, "context", place), "context", place)
            for entry in field(paragraph, "qas", place):
                question = _text(field(entry, "question", place), "question", place)
                given = [] if entry.get("is_impossible") else entry.get("answers") or []
                answers = [Answer(str(one["text"]), int(one.get("answer_start", -1))) for one in given]
                key = str(entry.get("id") or f"{place}: {question}")
                yield Question(key, question, context, answers, place)


def _text(value: Any, name: str, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{place}: field {name!r}: expected text, found {value!r}.")
    return value


def _answers(value: Any, name: str, place: str) -> list[Answer]:
    if value is None:
        return []
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        starts = value.get("answer_start") or [-1] * len(value["text"])
        return [Answer(text, start) for text, start in zip(value["text"], starts, strict=True)]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise UserError(
            f"{place}: field {name!r}: expected a text, texts, or SQuAD's answers, found {value!r}."
        )
    return [Answer(one, -1) for one in values if one.strip()]
