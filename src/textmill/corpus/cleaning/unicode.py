"""Encoding repair and normalization of characters and whitespace.

Chinese punctuation and curly quotes are kept: ftfy's options that turn full-width forms and typographic
quotes into ASCII are right for identifiers, not for prose.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import cache

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

# Full-width punctuation is how Chinese is written; letters and digits are a leftover of old encodings.
_FULL_WIDTH = {"keep": "", "letters": "０-９Ａ-Ｚａ-ｚ", "all": "！-～"}
_ASCII_OF = {code: code - 0xFEE0 for code in range(ord("！"), ord("～") + 1)}

_SPACE = r"\s\x0b\x1c-\x1f\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""What Python's \\s matches, for a character class of RE2."""
_PLAIN = (
    r"\t\n -~¡-¬®-\x{2ff}"
    r"\x{370}-\x{373}\x{375}-\x{37d}\x{37f}-\x{386}\x{388}-\x{482}\x{48a}-\x{58f}"  # Greek to Armenian
    r"\x{5d0}-\x{5ea}\x{620}-\x{64a}\x{660}-\x{66f}\x{671}-\x{6d3}"  # letters of Hebrew and Arabic
    r"\x{1e00}-\x{1eff}"
    r"\x{200c}-\x{200f}\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20cf}\x{2100}-\x{2125}\x{212c}-\x{2328}"
    r"\x{232b}-\x{2adb}\x{2e80}-\x{2fd5}"
    r"\x{3001}-\x{3029}\x{3030}-\x{3098}\x{309b}-\x{a48c}\x{ac00}-\x{d7a3}\x{fe00}-\x{fe0f}\x{fe30}-\x{fe6f}"
    r"\x{1f000}-\x{1faff}\x{20000}-\x{2ebe0}"
)
"""Characters that `normalize` leaves as they are in any company, for a character class of RE2."""
_PLAIN_FULL_WIDTH = {
    "keep": r"\x{ff01}-\x{ffef}",
    "letters": r"\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff3b}-\x{ff40}\x{ff5b}-\x{ffef}",
    "all": r"\x{ff5f}-\x{ffef}",
}


def repair_encoding(text: str) -> str:
    """Undo wrong decodings line by line where ftfy's badness heuristic sees one (Speer, ftfy, 2019)."""
    if text.isascii():
        return text
    from ftfy import fix_encoding
    from ftfy.badness import is_bad

    if not is_bad(text):
        return text
    return "\n".join(fix_encoding(line) if is_bad(line) else line for line in text.split("\n"))


@cache
def bad_encoding_clue() -> str:
    """An RE2 pattern found in every text that `repair_encoding` changes: ftfy's heuristic, translated.

    Only `\\s` and `\\w` differ between the engines; here they stand for as much as in Python, or more.
    """
    from ftfy.badness import BADNESS_RE

    pattern, found, inside, place = BADNESS_RE.pattern, [], False, 0
    while place < len(pattern):
        character = pattern[place]
        piece, place = character, place + 1
        if character == "\\":
            kind, place = pattern[place], place + 1
            wide = {"s": _SPACE, "w": r"\w\x{80}-\x{10ffff}"}.get(kind)
            piece = character + kind if wide is None else wide if inside else f"[{wide}]"
        elif inside:
            inside = character != "]"
        elif character == "[":
            inside = True
        elif character == "#":  # a comment of a verbose pattern
            place = pattern.index("\n", place)
            continue
        elif character.isspace():
            continue
        found.append(piece)
    return "".join(found)


def normal_clue(full_width: str = "letters") -> str:
    """An RE2 pattern found in every text that `normalize` changes."""
    return rf"[^{_PLAIN}{_PLAIN_FULL_WIDTH[full_width]}]" r"|[ \t]\n|\n\n\n|\A\n|[ \t\n]\z"


def replace_entities(text: str) -> str:
    """Replace HTML entities by their characters, unless the text contains `<` and so may be about markup."""
    if "&" not in text or "<" in text:
        return text
    text = _DOUBLE_ESCAPED.sub("&", text)
    return _ENTITY.sub(lambda match: html.unescape(match.group()), text)


def normalize(text: str, full_width: str = "letters") -> str:
    """Normalize to NFC, without control characters, with `\\n` as the only line break and plain spaces.

    Line structure stays: indentation, alignment and single blank lines are content in code and dialogue.
    Trailing spaces, runs of more than one blank line, and the ideographic space that indents Chinese
    paragraphs go.

    Args:
        text: any text.
        full_width: which full-width forms become ASCII: ``letters`` (and digits), ``all`` or none (``keep``).
    """
    if "\x1b" in text:
        text = _TERMINAL_ESCAPE.sub("", text)
    if text.isascii():
        text = _LINE_BREAK.sub("\n", text)
        text = _REMOVED_ASCII.sub("", text)
    else:
        text = _normalize_wide(text, full_width)
    if " \n" in text or "\t\n" in text:
        # A regex for trailing blanks takes quadratic time on a long run of spaces.
        text = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    if "\n\n\n" in text:
        text = _BLANK_LINES.sub("\n\n", text)
    return text.rstrip(" \t\n").lstrip("\n")


def _normalize_wide(text: str, full_width: str) -> str:
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _LINE_BREAK.sub("\n", text)
    text = _REMOVED.sub("", text)
    text = _WIDE_SPACE.sub(" ", text)
    if "\u3000" in text:
        text = _INDENT.sub("", text).replace("\u3000", " ")
    if _HAS_LIGATURE.search(text):
        text = text.translate(_LIGATURES)
    forms = _full_width(full_width)
    if forms is not None:
        text = forms.sub(lambda match: match.group().translate(_ASCII_OF), text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


@cache
def _full_width(which: str) -> re.Pattern[str] | None:
    return re.compile(f"[{_FULL_WIDTH[which]}]+") if _FULL_WIDTH[which] else None
