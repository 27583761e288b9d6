"""Lead-k: the first sentences of a text, the classical baseline of summarization."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textmill.modeling.baselines import Rows

# A full stop before a lower-case letter is taken for an abbreviation, "e.g. this".
_END = re.compile(r"[.!?][\"')\]]*(?=\s+[^a-z\s]|\s*$)|[。！？][”』」）]*|(?=\n[ \t]*\n)")


def first_sentence(text: str) -> str:
    """The first sentence, or the first paragraph if that ends sooner; white space as single spaces."""
    return first_sentences(text, 1)


def first_sentences(text: str, number: int) -> str:
    """The first `number` sentences; a paragraph's end ends a sentence too. White space as single spaces."""
    found: list[str] = []
    rest = text.strip()
    while rest and len(found) < number:
        end = _END.search(rest)
        cut = end.end() if end else len(rest)
        found.append(" ".join(rest[:cut].split()))
        rest = rest[cut:].strip()
    return _joined(found)


def _joined(sentences: Sequence[str]) -> str:
    """Sentences with a space between, but after a full stop that is as wide as a character."""
    text = ""
    for sentence in sentences:
        gap = "" if not text or text[-1] in "。！？”』」）" else " "
        text += gap + sentence
    return text


def predict(
    train: Rows, validation: Rows, inputs: Sequence[str], header_lines: int = 0, sentences: int = 1
) -> list[str]:
    """The first `sentences` sentences of each input.

    Args:
        header_lines: leading lines that are no prose and are skipped; kept where nothing else is there.
        sentences: how many, k of lead-k.
    """
    found = []
    for text in inputs:
        body = text.split("\n", header_lines)[-1] if text.count("\n") >= header_lines else text
        found.append(first_sentences(body if body.strip() else text, sentences))
    return found
