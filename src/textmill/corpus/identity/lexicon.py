"""Lexicons: which terms speak of which group of people, and which carry which attribute.

They are data (``lexicons/<language>.yaml``), written for this project. A list of words is a coarse
instrument: it sees what is named, not what is meant. What is counted with it is a reason to look, never a
verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from textmill.errors import UserError

PACKAGED_FILES = (
    "lexicons/dialects-en.yaml",
    "lexicons/dialects-zh.yaml",
    "lexicons/en.yaml",
    "lexicons/zh.yaml",
)
FOLDER = Path(__file__).parent / "lexicons"
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Lexicon:
    """The terms of one language and what they stand for.

    Attributes:
        language: ISO 639-1 code.
        terms: every term once; a term's index is its id. Ignored terms are among them and stand for nothing.
        groups: ``(axis, group)`` in file order; `in_group` is bool[terms, groups].
        attributes: ``(dimension, attribute)`` in file order; `in_attribute` is bool[terms, attributes].
        notes: per axis, what its lists cannot tell apart.
    """

    language: str
    terms: tuple[str, ...]
    groups: tuple[tuple[str, str], ...]
    attributes: tuple[tuple[str, str], ...]
    in_group: np.ndarray
    in_attribute: np.ndarray
    notes: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def axes(self) -> dict[str, list[int]]:
        """Indices of the groups of each axis."""
        axes: dict[str, list[int]] = {}
        for index, (axis, _) in enumerate(self.groups):
            axes.setdefault(axis, []).append(index)
        return axes


def load_lexicon(language: str, kind: Literal["identity", "dialects"] = "identity") -> Lexicon:
    """Read the lexicon of `language`: of groups of people, or of the dialects that words give away.

    Raises:
        UserError: there is none for this language.
    """
    from ruamel.yaml import YAML

    if language not in LANGUAGES:
        raise UserError(
            f"bias.languages: no lexicon for {language!r}; there are lexicons for {', '.join(LANGUAGES)}."
        )
    path = FOLDER / (f"{language}.yaml" if kind == "identity" else f"dialects-{language}.yaml")
    content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    return build_lexicon(
        language,
        content["groups"],
        content.get("attributes", {}),
        content.get("ignored", []),
        content.get("notes", {}),
    )


def build_lexicon(
    language: str,
    groups: dict[str, dict[str, list[str]]],
    attributes: dict[str, dict[str, list[str]]],
    ignored: list[str],
    notes: Mapping[str, str] | None = None,
) -> Lexicon:
    """A lexicon of ``{axis: {group: terms}}``, ``{dimension: {attribute: terms}}`` and ignored terms."""
    group_lists = [
        ((axis, name), terms) for axis, members in groups.items() for name, terms in members.items()
    ]
    attribute_lists = [
        ((axis, name), terms) for axis, sets in attributes.items() for name, terms in sets.items()
    ]
    terms = dict.fromkeys(term for _, listed in group_lists + attribute_lists for term in listed)
    terms.update(dict.fromkeys(ignored))
    index = {term: number for number, term in enumerate(terms)}

    def membership(lists: list[tuple[tuple[str, str], list[str]]]) -> np.ndarray:
        member = np.zeros((len(index), len(lists)), dtype=bool)
        for column, (_, listed) in enumerate(lists):
            member[[index[term] for term in listed], column] = True
        return member

    return Lexicon(
        language,
        tuple(terms),
        tuple(key for key, _ in group_lists),
        tuple(key for key, _ in attribute_lists),
        membership(group_lists),
        membership(attribute_lists),
        dict(notes or {}),
    )
