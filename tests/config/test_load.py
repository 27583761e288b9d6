"""A wrong params file is refused with the key that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from textmill.config.load import load_section, read_params
from textmill.config.section import Section
from textmill.errors import UserError


class Gopher(Section):
    min_words: int = Field(default=50, ge=0)
    ratio: float = 0.1


class Example(Section):
    gopher: Gopher = Field(default_factory=Gopher)
    mode: Literal["mask", "drop"] = "mask"
    languages: list[str] = Field(default_factory=list)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_nested_values_and_defaults(tmp_path: Path) -> None:
    path = write(tmp_path, "select: {gopher: {min_words: 7, ratio: 1}, languages: [en, 中文]}\n")
    section = load_section(Example, "select", path)
    assert (section.gopher.min_words, section.gopher.ratio, section.mode) == (7, 1.0, "mask")
    assert section.languages == ["en", "中文"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select: {gopher: {min_wrods: 7}}", ["select.gopher.min_wrods", "unknown key", "min_words"]),
        ("select: {gopher: {min_words: '7'}}", ["select.gopher.min_words", "integer", "'7'"]),
        ("select: {gopher: {min_words: -1}}", ["select.gopher.min_words", "greater than or equal to 0"]),
        ("select: {mode: hide}", ["select.mode", "'mask' or 'drop'", "hide"]),
        ("select: {languages: en}", ["select.languages", "list", "'en'"]),
        ("select: 3", ["select", "3"]),
        ("clean: {}", ["select: missing"]),
        ("selekt: {}", ["selekt", "unknown section", "Did you mean select?"]),
        ("select: {a: [", ["params.yaml", "not valid YAML"]),
        ("- 1", ["params.yaml", "mapping of sections"]),
    ],
)
def test_names_the_key_what_was_found_and_what_was_expected(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_section(Example, "select", path)
    for part in expected:
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml: not found"):
        read_params(tmp_path / "absent.yaml")


def test_numbers_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    """DVC reads YAML 1.2, where 1e-3 is a number and `no` is a word."""
    path = write(tmp_path, "select: {gopher: {ratio: 1e-3}, languages: [no]}")
    section = load_section(Example, "select", path)
    assert section.gopher.ratio == 0.001
    assert section.languages == ["no"]
