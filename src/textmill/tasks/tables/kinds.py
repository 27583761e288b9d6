"""What differs between kinds of task when rows are cleaned and labels counted."""

from __future__ import annotations

from collections.abc import Callable

from textmill.modeling.conversations import cleaned_text
from textmill.modeling.targets import (
    Answer,
    read_answers,
    read_question,
    units,
    write_answers,
)  # fmt: skip
from textmill.tasks.tables.row import Row


def cleaned_row(kind: str, row: Row, clean: Callable[[str], str]) -> tuple[str, str | None]:
    """Input and target with `clean` applied to what is text in them.

    The target is None where it no longer fits the input: tags when the number of units changed, for instance
    because a number was masked, and answers that the context no longer holds.
    """
    if kind == "extraction":
        return _cleaned_question(row, clean)
    text = cleaned_text(row.input, clean)
    if kind in ("generation", "dialogue", "preference"):
        return text, cleaned_text(row.target, clean)
    if kind == "tagging" and len(units(text)) != len(row.target.split()):
        return text, None
    return text, row.target.strip()


def _cleaned_question(row: Row, clean: Callable[[str], str]) -> tuple[str, str | None]:
    from textmill.tasks.tables.extraction import located

    question, context = read_question(row.input)
    text = clean(context)
    answers = []
    for answer in read_answers(row.target):
        # What stands before an answer, cleaned alone, ends about where the answer begins.
        about = len(clean(context[: answer.start]))
        found = located(Answer(clean(answer.text).strip(), about), text)
        if not found or not found.text:
            return row.input, None
        answers.append(found)
    return f"{' '.join(clean(question).split())}\n{text}", write_answers(answers)
