"""The steps of cleaning: what each does to a text, and the clue without which it does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from textmill.config.clean import Clean
from textmill.corpus.cleaning import html, unicode


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        clue: an RE2 pattern found in every text that `apply` changes, so that a column can be searched at
            once.
        apply: from text to text.
    """

    clue: str
    apply: Callable[[str], str]


def steps_of(options: Clean) -> tuple[Step, ...]:
    """The steps that `options` ask for, in order; what is masked comes after them."""
    steps = []
    if options.mojibake:
        steps.append(Step(unicode.bad_encoding_clue(), unicode.repair_encoding))
    if options.html:
        steps.append(Step(html.CLUE, _extract_html))
    if options.entities:
        steps.append(Step("&", unicode.replace_entities))
    normalize = partial(unicode.normalize, full_width=options.full_width)
    return (*steps, Step(unicode.normal_clue(options.full_width), normalize))


def _extract_html(text: str) -> str:
    return html.extract(text) if html.is_html(text) else text
