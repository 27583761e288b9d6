"""Rows of kind `sentiment`: sentences that people scored, as positive or negative."""

from __future__ import annotations

from collections import Counter

from textmill.config.tasks import SentimentTask
from textmill.corpus.archives import open_member
from textmill.corpus.sources.packages import fetched
from textmill.corpus.sources.records import Origin
from textmill.corpus.sources.streams import whole_text
from textmill.errors import UserError
from textmill.tasks.tables.row import Row, Table

MEMBER_BYTES = 64 << 20


def read(task: SentimentTask) -> Table:
    """Read the sentences; the label is the sign of the mean score, unless it is too close to zero.

    The layout is that of the ground truth files of Hutto and Gilbert (ICWSM 2014).

    Raises:
        UserError: the file cannot be fetched, or a line is not ``number TAB score TAB text``.
    """
    archive = fetched(task)
    where = f"{archive.name}: {task.member}"
    with open_member(archive, task.member) as raw:
        lines = whole_text(raw, Origin(task.member, where), MEMBER_BYTES).splitlines()
    rows = []
    dropped: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        try:
            key, score, text = line.split("\t", 2)
            value = float(score)
        except ValueError:
            raise UserError(
                f"{where}: line {number:,}: expected `number TAB score TAB text`, found {line[:80]!r}."
            ) from None
        if abs(value) < task.neutral_below:
            dropped["neutral"] += 1
            continue
        rows.append(Row(key, text, "positive" if value > 0 else "negative", task.package))
    return Table("classification", rows, task.lang, "", dropped)
