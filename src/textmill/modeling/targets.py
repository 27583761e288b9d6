"""How targets that are more than one label or one text are written as a text, and read again.

A set of labels is a JSON list of names, sorted. Tags are one per unit of the input, separated by spaces; see
`units`. Answers are a JSON list of ``{"start": place in the context, "text": …}``, empty where the context
holds no answer; their input is the question, a line end, and the context.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

OUTSIDE = "O"
_UNSPACED = "\u0e00-\u0e7f\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
UNIT = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_])+|\S")
"""A unit: a character of a script without spaces, a run of other letters and digits, or any other sign."""


class Span(NamedTuple):
    """Units from `start` up to and without `end` that have the label together."""

    label: str
    start: int
    end: int


class Answer(NamedTuple):
    """A text in a context and the place of its first character there."""

    text: str
    start: int


def joined(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as a text, and begin and end of each; spaces stand only between words of scripts with spaces."""
    text = ""
    places = []
    for word in words:
        if text and _spaced(text[-1]) and _spaced(word[0]):
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


def _spaced(character: str) -> bool:
    full_width = "\uff00" <= character <= "\uffef"
    return character.isascii() or (
        character.isalnum() and not full_width and not re.match(f"[{_UNSPACED}]", character)
    )


def units(text: str) -> list[tuple[int, int]]:
    """Begin and end of each unit of a text, in characters. Only white space is in none."""
    return [found.span() for found in UNIT.finditer(text)]


def write_labels(labels: Iterable[str]) -> str:
    """A set of labels as a target."""
    return orjson.dumps(sorted(set(labels))).decode()


def read_labels(target: str) -> list[str]:
    """The labels of a target."""
    return list(orjson.loads(target))


def write_tags(spans: Iterable[Span], count: int) -> str:
    """Spans as BIO tags of `count` units: ``B-x`` begins one, ``I-x`` goes on with it, ``O`` is in none."""
    tags = [OUTSIDE] * count
    for span in spans:
        tags[span.start : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.start - 1)
    return " ".join(tags)


def read_spans(tags: Sequence[str]) -> list[Span]:
    """The spans of BIO tags, as seqeval counts them: an ``I-x`` after another label begins one."""
    spans: list[Span] = []
    label, start = "", 0
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, name = tag.partition("-")
        if label and (prefix != "I" or name != label):
            spans.append(Span(label, start, place))
            label = ""
        if prefix != OUTSIDE and not label:
            label, start = name, place
    return spans


def write_answers(answers: Iterable[Answer]) -> str:
    """Answers as a target."""
    return orjson.dumps([{"start": answer.start, "text": answer.text} for answer in answers]).decode()


def read_answers(target: str) -> list[Answer]:
    """The answers of a target."""
    return [Answer(found["text"], found["start"]) for found in orjson.loads(target)]


def read_question(text: str) -> tuple[str, str]:
    """Question and context of an input."""
    question, _, context = text.partition("\n")
    return question, context


def labels_of(kind: str, target: str) -> list[str]:
    """The labels that a target gives; none for texts."""
    if kind == "multilabel":
        return read_labels(target)
    if kind == "tagging":
        return sorted({span.label for span in read_spans(target.split())})
    return [target] if kind == "classification" else []


def shown(kind: str, target: str, is_prediction: bool = False) -> str:
    """A target or a prediction as people read it."""
    if kind == "multilabel":
        return ", ".join(read_labels(target)) or "(none)"
    if kind == "extraction":
        texts = [target] if is_prediction else [answer.text for answer in read_answers(target)]
        return " / ".join(dict.fromkeys(texts)) or "(no answer)"
    return target
