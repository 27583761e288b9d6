"""Lead-1: the first sentence of a text, the classical baseline of summarization."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textmill.modeling.baselines import Rows

# A full stop before a lower-case letter is taken for an abbreviation, "e.g. this".
_END = re.compile(r"[.!?][\"')\]]*(?=\s+[^a-z\s]|\s*$)|[。！？][”』」）]*|(?=\n[ \t]*\n)")


def first_sentence(text: str) -> str:
    """The first sentence, or the first paragraph if that ends sooner; white space as single spaces."""
    text = text.strip()
    end = _END.search(text)
    return " ".join(text[: end.end()].split() if end else text.split())


def predict(train: Rows, validation: Rows, inputs: Sequence[str], header_lines: int = 0) -> list[str]:
    """The first sentence of each input.

    Args:
        header_lines: leading lines that are no prose and are skipped; kept where nothing else is there.
    """
    found = []
    for text in inputs:
        body = text.split("\n", header_lines)[-1] if text.count("\n") >= header_lines else text
        found.append(first_sentence(body if body.strip() else text))
    return found
