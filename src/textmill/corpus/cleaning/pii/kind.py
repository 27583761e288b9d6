"""A kind of personal data: a cheap clue that it may be there, and a finder that decides.

The clue is a regular expression for RE2, which pyarrow runs over a whole column at half a gigabyte a second
or more; it matches every text in which the finder finds something. The finder looks at one text with Python's
`re` and whatever checks the format has (check digits, numbering plans).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

Span = tuple[int, int]
"""Start and end, half-open, in Unicode code points."""


@dataclass(frozen=True)
class Kind:
    """One kind of personal data.

    Attributes:
        name: its key in params.yaml and, as ``pii_NAME``, its column.
        clue: an RE2 pattern found in every text that holds an item.
        find: the spans of its items in a text, in order.
    """

    name: str
    clue: str
    find: Callable[[str], Iterable[Span]]

    @property
    def placeholder(self) -> str:
        """What a masked item becomes."""
        return f"<{self.name.upper()}>"


class Guarded:
    """A pattern that must not touch certain characters: as lookarounds for `re`, as context for RE2.

    Args:
        body: a pattern that both engines read alike: no lookaround, no repetition above 1,000.
        not_before, not_after: insides of a character class.
        decimals: whether a full stop and a digit may follow, as in a decimal number.
    """

    def __init__(self, body: str, not_before: str, not_after: str, decimals: bool = False):
        after = f"(?![{not_after}])" if decimals else rf"(?![{not_after}]|\.\d)"
        self.pattern = re.compile(rf"(?<![{not_before}])(?:{body}){after}", re.ASCII)
        end = rf"(?:\z|[^{not_after}])" if decimals else rf"(?:\z|[^{not_after}.]|\.(?:\z|\D))"
        self.clue = rf"(?:\A|[^{not_before}])(?:{body}){end}"

    def spans(self, text: str, accept: Callable[[re.Match[str]], bool]) -> Iterable[Span]:
        """The spans of the matches that `accept` confirms."""
        return (match.span() for match in self.pattern.finditer(text) if accept(match))


def any_of(*clues: str) -> str:
    """The RE2 pattern that is found where one of `clues` is."""
    return "|".join(f"(?:{clue})" for clue in clues)


_FOUR_BEFORE = re.compile(r"(?<![\w.])\d{4} $", re.ASCII)
_FOUR_AFTER = re.compile(r" \d{4}(?![\w/.-])", re.ASCII)


def in_row(text: str, start: int, end: int) -> bool:
    """Whether a span is part of a row of numbers: four digits stand beside it, one blank away."""
    return bool(_FOUR_BEFORE.search(text[max(start - 6, 0) : start]) or _FOUR_AFTER.match(text, end))
