"""The whole params file, and the reference page made from its models."""

from __future__ import annotations

from pathlib import Path

from textmill.config.document import reference
from textmill.config.load import SECTIONS
from textmill.config.params import Params, load_params


def test_default_params_are_valid(root: Path) -> None:
    params = load_params(root / "params.yaml")
    assert params.seed >= 0
    assert params.finetune and params.pretrain and params.ingest.sources


def test_every_section_has_a_model() -> None:
    assert {field.alias or name for name, field in Params.model_fields.items()} == set(SECTIONS)


def test_the_reference_page_is_current(root: Path) -> None:
    """`make docs` writes it; a change of a model without it fails here."""
    assert (root / "docs" / "params.md").read_text(encoding="utf-8") == reference()


def test_the_reference_page_describes_every_key() -> None:
    rows = [line.split("|") for line in reference().splitlines() if line.startswith("| `")]
    undescribed = [row[1].strip() for row in rows if len(row) < 6 or not row[-2].strip()]
    assert not undescribed
