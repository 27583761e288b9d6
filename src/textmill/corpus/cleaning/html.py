"""HTML documents to text, by trafilatura (Barbaresi, ACL 2021)."""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any

_DOCUMENT = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html|head|body)\b[^>]*>",
    re.IGNORECASE | re.DOTALL,
)
_FRAGMENT = re.compile(
    r"\s*<(div|p|article|section|main|header|table|ul|ol|dl|h[1-6]|blockquote|center|font)\b[^<>]*>",
    re.IGNORECASE,
)
_END_TAG = re.compile(r"</[a-z][a-z0-9]*\s*>$", re.IGNORECASE)
_ROOT = re.compile(r"<(?:html|body)\b", re.IGNORECASE)
_BLOCK = re.compile(
    r"<(?:p|div|br|article|section|main|table|ul|ol|dl|pre|blockquote|h[1-6])\b", re.IGNORECASE
)
_ANY_TAG = re.compile(r"<(?:!doctype|/?[a-z][a-z0-9]*)\b[^<>]*>", re.IGNORECASE)

CLUE = r"\A[\s\x0b\x1c-\x1f\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]*<"
"""An RE2 pattern found in every text that `is_html` accepts undeclared."""


def is_html(text: str, declared: bool = False) -> bool:
    """Whether the whole of `text` is HTML rather than text that quotes some.

    A declared document needs any tag; an undeclared one must begin as an HTML document does, or begin with a
    block element and end with a closing tag.
    """
    if "<" not in text:
        return False
    if declared:
        return _ANY_TAG.search(text) is not None
    if text.lstrip()[:1] != "<":
        return False
    if _DOCUMENT.match(text):
        return True
    return _FRAGMENT.match(text) is not None and _END_TAG.search(text.rstrip()[-64:]) is not None


def extract(text: str) -> str:
    """The main text of an HTML document, one block a line; all of its text where no main part is found."""
    trafilatura = _trafilatura()
    if not _ROOT.search(text):
        text = f"<html><body>{text}</body></html>"  # A bare fragment is refused as no tree.
    if not _BLOCK.search(text):
        return trafilatura.html2txt(text)  # Where no block is found, each inline element would become a line.
    found = trafilatura.extract(text, include_comments=False, include_tables=True, deduplicate=False)
    return found if found else trafilatura.html2txt(text)


@cache
def _trafilatura() -> Any:
    import trafilatura

    # It logs each page without a main part as an error; here that is an ordinary case with a fallback.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    return trafilatura
