"""Encoding repair and normalization of characters and whitespace.

Chinese punctuation and curly quotes are kept: ftfy's options that turn full-width forms and typographic
quotes into ASCII are right for identifiers, not for prose.
"""

from __future__ import annotations

import html
import re
import unicodedata

# C0 and C1 controls except tab and newline, soft hyphen, zero-width space, word joiner, byte order mark,
# bidirectional overrides and isolates (they reorder what a reader sees), interlinear and noncharacters.
# The zero-width joiners stay: Indic scripts, Persian and emoji need them.
_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u2060\u2061-\u2064\u202a-\u202e\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_REMOVED_ASCII = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_TERMINAL_ESCAPE = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_WIDE_SPACE = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f]")
_INDENT = re.compile("(?m)^[ \t]*\u3000[ \t\u3000]*")
_BLANK_LINES = re.compile("\n{3,}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_DOUBLE_ESCAPED = re.compile("&(?:amp;)+")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_HAS_LIGATURE = re.compile("[ﬀ-ﬆ]")
# Full-width letters and digits only; full-width punctuation is how Chinese is written.
_FULLWIDTH = {code: code - 0xFEE0 for start, end in (("０", "９"), ("Ａ", "Ｚ"), ("ａ", "ｚ"))
              for code in range(ord(start), ord(end) + 1)}  # fmt: skip
_HAS_FULLWIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ]")


def repair_encoding(text: str) -> str:
    """Undo wrong decodings line by line where ftfy's badness heuristic sees one (Speer, ftfy, 2019)."""
    if text.isascii():
        return text
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    if not is_bad(text):
        return text
    return "\n".join(fix_encoding(line) if is_bad(line) else line for line in text.split("\n"))


def replace_entities(text: str) -> str:
    """Replace HTML entities by their characters, unless the text contains `<` and so may be about markup."""
    if "&" not in text or "<" in text:
        return text
    text = _DOUBLE_ESCAPED.sub("&", text)
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text)


def normalize(text: str) -> str:
    """Normalize to NFC, without control characters, with `\\n` as the only line break and plain spaces.

    Line structure stays: indentation, alignment and single blank lines are content in code and dialogue.
    Trailing spaces, runs of more than one blank line, and the ideographic space that indents Chinese
    paragraphs go.
    """
    if "\x1b" in text:
        text = _TERMINAL_ESCAPE.sub("", text)
    if text.isascii():
        text = _LINE_BREAK.sub("\n", text)
        text = _REMOVED_ASCII.sub("", text)
    else:
        text = _normalize_wide(text)
    if " \n" in text or "\t\n" in text:
        # A regex for trailing blanks takes quadratic time on a long run of spaces.
        text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.rstrip(" \t\n").lstrip("\n")


def _normalize_wide(text: str) -> str:
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _LINE_BREAK.sub("\n", text)
    text = _REMOVED.sub("", text)
    text = _WIDE_SPACE.sub(" ", text)
    if "\u3000" in text:
        text = _INDENT.sub("", text).replace("\u3000", " ")
    if _HAS_LIGATURE.search(text):
        text = text.translate(_LIGATURES)
    if _HAS_FULLWIDTH.search(text):
        text = text.translate(_FULLWIDTH)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)
