"""The word sets of association tests: our own per language, and the standard ones of Caliskan et al."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.config.artifact import Artifact
from textmill.corpus.artifacts import fetch, member_names, open_member
from textmill.errors import UserError

PACKAGED_FILES = ("wordsets/en.yaml", "wordsets/zh.yaml")
FOLDER = Path(__file__).parent / "wordsets"
STANDARD = (
    ("flowers", "insects", "pleasant_5", "unpleasant_5a"),
    ("instruments", "weapons", "pleasant_5", "unpleasant_5a"),
    ("european_american_names_5", "african_american_names_5", "pleasant_5", "unpleasant_5b"),
    ("european_american_names_7", "african_american_names_7", "pleasant_5", "unpleasant_5b"),
    ("european_american_names_7", "african_american_names_7", "pleasant_9", "unpleasant_9"),
    ("male_names", "female_names", "career", "family"),
    ("math", "arts", "male_terms", "female_terms"),
    ("science", "arts_2", "male_terms_2", "female_terms_2"),
    ("mental_disease", "physical_disease", "temporary", "permanent"),
    ("young_people_names", "old_people_names", "pleasant_9", "unpleasant_9"),
)
"""Tests 1 to 10 of Caliskan et al., by the names that wefe gives their sets."""
_AXES = (
    "none",
    "none",
    "ethnicity",
    "ethnicity",
    "ethnicity",
    "gender",
    "gender",
    "gender",
    "disability",
    "age",
)


@dataclass(frozen=True)
class WordTest:
    """Are words of `x` nearer to `a` than to `b`, more than words of `y` are? Each is (name, words)."""

    name: str
    axis: str
    x: tuple[str, list[str]]
    y: tuple[str, list[str]]
    a: tuple[str, list[str]]
    b: tuple[str, list[str]]

    @property
    def words(self) -> list[str]:
        """All words of the test."""
        return [word for _, listed in (self.x, self.y, self.a, self.b) for word in listed]


def own_tests(language: str) -> list[WordTest]:
    """The tests of `language` that are written for this project."""
    from ruamel.yaml import YAML

    content = YAML(typ="safe").load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    sets: dict[str, list[str]] = content["sets"]
    return [
        _test(f"{entry['x']} / {entry['y']}: {entry['a']} / {entry['b']}", entry["axis"], entry, sets)
        for entry in content["tests"]
    ]


def standard_tests(artifact: Artifact) -> list[WordTest]:
    """The ten tests of Caliskan et al. 2017, from the pinned file of the package wefe, read as an archive.

    Raises:
        UserError: the file cannot be fetched, has another hash, or lacks the sets.
    """
    path = fetch(artifact.package, artifact.version, artifact.artifact, artifact.sha256)
    names = [name for name in member_names(path) if name.endswith("/WEAT.json")]
    if not names:
        raise UserError(f"{path.name}: expected a member WEAT.json with the standard word sets, found none.")
    with open_member(path, names[0]) as file:
        content: dict[str, list[str]] = json.load(file)
    missing = sorted({name for test in STANDARD for name in test} - set(content))
    if missing:
        raise UserError(f"{path.name}: {names[0]}: expected the word set {missing[0]}, found none.")
    sets = {name: list(dict.fromkeys(word.lower() for word in words)) for name, words in content.items()}
    return [
        _test(f"WEAT {number}", axis, dict(zip("xyab", test, strict=True)), sets)
        for number, (test, axis) in enumerate(zip(STANDARD, _AXES, strict=True), start=1)
    ]


def _test(name: str, axis: str, entry: dict[str, Any], sets: dict[str, list[str]]) -> WordTest:
    return WordTest(name, axis, *((entry[key], sets[entry[key]]) for key in "xyab"))
