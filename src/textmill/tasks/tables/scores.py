"""Rows of kind `scores`: texts with a score per label, as the set of labels that score high."""

from __future__ import annotations

from collections import Counter

from textmill.config.labelled_tasks import ScoresTask
from textmill.errors import UserError
from textmill.modeling.targets import write_labels
from textmill.tasks.tables.row import Row, Table
from textmill.tasks.tables.texts import field, json_lines, member


def read(task: ScoresTask) -> Table:
    """Read the rows; the labels of one are the scores of `threshold` or more, maybe none.

    Raises:
        UserError: the file cannot be fetched, a line is no JSON object, or lacks a field.
    """
    rows = []
    dropped: Counter[str] = Counter()
    for place, line in json_lines(member(task)):
        text = field(line, task.input, place)
        values = {name: field(line, name, place) for name in task.scores}
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UserError(f"{place}: field {name!r}: expected a number, found {value!r}.")
        if not isinstance(text, str) or not text.strip():
            dropped["no text"] += 1
            continue
        labels = [name for name, value in values.items() if value >= task.threshold]
        rows.append(Row(place.rsplit(" ", 1)[1], text, write_labels(labels), task.package, "", place))
    return Table("multilabel", rows, task.lang, "", dropped)
