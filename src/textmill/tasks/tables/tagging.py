"""Rows of kind `tagging`: sentences of words with a tag each, as BIO tags of units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from textmill.config.labelled_tasks import TaggingTask
from textmill.errors import UserError
from textmill.modeling.targets import OUTSIDE, Span, joined, read_spans, units, write_tags
from textmill.tasks.tables.row import Row, Table
from textmill.tasks.tables.texts import File, field, json_lines, texts

COLUMNS = (".conll", ".bio", ".iob", ".iob2", ".tsv")
WORD = "W"

Words = tuple[list[str], list[str]]


def read(task: TaggingTask, local: Path) -> Table:
    """Read the sentences of all files.

    A sentence in which a span ends inside a unit (see `textmill.modeling.targets`) is dropped and counted.

    Raises:
        UserError: a file is missing, of an unknown kind, or holds a line that is not as its kind wants it.
    """
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    for file in texts(task, local):
        before = len(rows)
        for place, (words, tags) in _sentences(file):
            text, ends = joined(words)
            spans = _spans(words, tags, ends, task)
            target = _in_units(text, spans)
            if target is None:
                dropped["a span ends inside a unit"] += 1
                continue
            rows.append(Row(place, text, target, file.source, file.split, place))
        if len(rows) == before:
            raise UserError(f"{file.where}: no sentences; expected at least one.")
    return Table("tagging", rows, task.lang, "", dropped)


def _spans(
    words: Sequence[str], tags: Sequence[str], places: list[tuple[int, int]], task: TaggingTask
) -> list[tuple[str, int, int]]:
    """Labels with begin and end in characters."""
    if task.spans == "words":
        return [(WORD, *place) for place in places]
    if all(tag == OUTSIDE or tag[:2] in ("B-", "I-") for tag in tags):
        spans = read_spans(tags)
        if task.names:
            spans = [
                span._replace(label=task.names[span.label]) for span in spans if span.label in task.names
            ]
    elif not task.names:
        spans = [Span(tag, at, at + 1) for at, tag in enumerate(tags) if tag != OUTSIDE]
    else:
        named = [task.names.get(tag) for tag in tags]
        spans = read_spans([OUTSIDE if name is None else f"I-{name}" for name in named])
    return [(span.label, places[span.start][0], places[span.end - 1][1]) for span in spans]


def _in_units(text: str, spans: list[tuple[str, int, int]]) -> str | None:
    """BIO tags of the text's units; None where a span does not end with one."""
    places = units(text)
    begins = {begin: number for number, (begin, _) in enumerate(places)}
    ends = {end: number for number, (_, end) in enumerate(places)}
    if any(begin not in begins or end not in ends for _, begin, end in spans):
        return None
    return write_tags((Span(name, begins[begin], ends[end] + 1) for name, begin, end in spans), len(places))


def _sentences(file: File) -> Iterator[tuple[str, Words]]:
    if file.suffix == ".txt":
        return _slashes(file)
    if file.suffix in COLUMNS:
        return _columns(file)
    if file.suffix in (".jsonl", ".ndjson"):
        return _objects(file)
    raise UserError(
        f"{file.where}: expected a file of tagged words: .txt (word/TAG), {', '.join(COLUMNS)} or .jsonl."
    )


def _slashes(file: File) -> Iterator[tuple[str, Words]]:
    """`word/TAG word/TAG`, a sentence per line; the last slash parts the two."""
    for number, line in enumerate(file.text.split("\n"), 1):
        words, tags = [], []
        for pair in line.split():
            word, slash, tag = pair.rpartition("/")
            if not (word and slash and tag):
                raise UserError(f"{file.where}: line {number:,}: expected word/TAG, found {pair[:40]!r}.")
            words.append(word)
            tags.append(tag)
        if words:
            yield f"{file.where}: line {number:,}", (words, tags)


def _columns(file: File) -> Iterator[tuple[str, Words]]:
    """A word per line, its tag in the last column, a blank line after a sentence (Tjong Kim Sang 2002)."""
    words: list[str] = []
    tags: list[str] = []
    first = 1
    for number, line in enumerate([*file.text.split("\n"), ""], 1):
        parts = line.split()
        if not parts or parts[0] == "-DOCSTART-":
            if words:
                yield f"{file.where}: line {first:,}", (words, tags)
            words, tags, first = [], [], number + 1
            continue
        if len(parts) < 2:
            raise UserError(
                f"{file.where}: line {number:,}: expected a word and its tag, found {line[:40]!r}."
            )
        words.append(parts[0])
        tags.append(parts[-1])


def _objects(file: File) -> Iterator[tuple[str, Words]]:
    for place, row in json_lines(file):
        words = row["words"] if "words" in row else field(row, "tokens", place)
        tags = field(row, "tags", place)
        for name, values in (("words", words), ("tags", tags)):
            if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
                raise UserError(f"{place}: field {name!r}: expected a list of texts.")
        if len(words) != len(tags) or not words:
            raise UserError(
                f"{place}: expected as many tags as words, found {len(words)} words and {len(tags)} tags."
            )
        yield place, (words, tags)
