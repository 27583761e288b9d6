"""A profile of conf/ becomes a readable change of params.yaml, or no change at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from textmill.config.load import read_params
from textmill.config.overlay import overlays, use_overlay
from textmill.config.params import load_params
from textmill.errors import UserError


@pytest.fixture
def project(tmp_path: Path, root: Path) -> Path:
    shutil.copy(root / "params.yaml", tmp_path / "params.yaml")
    shutil.copytree(root / "conf", tmp_path / "conf")
    return tmp_path


def use(project: Path, name: str) -> list[str]:
    return use_overlay(name, project / "params.yaml", project / "conf")


def test_merges_keys_and_keeps_comments(project: Path) -> None:
    (project / "conf" / "wide.yaml").write_text("run: {workers: 7}\n", encoding="utf-8")
    before = (project / "params.yaml").read_text(encoding="utf-8")
    assert use(project, "wide") == ["run.workers"]
    after = (project / "params.yaml").read_text(encoding="utf-8")
    assert load_params(project / "params.yaml").run.workers == 7
    comments = [line for line in before.splitlines() if line.startswith("#")]
    assert comments and all(line in after for line in comments)


def test_every_profile_of_conf_is_valid(project: Path) -> None:
    original = (project / "params.yaml").read_text(encoding="utf-8")
    assert "smoke" in overlays(project / "conf")
    for name in overlays(project / "conf"):
        (project / "params.yaml").write_text(original, encoding="utf-8")
        assert use(project, name)
        load_params(project / "params.yaml")


def test_replace_and_remove(project: Path) -> None:
    text = "tasks: !replace {}\ningest: {sources: {novel: null}}\n"
    (project / "conf" / "bare.yaml").write_text(text, encoding="utf-8")
    use(project, "bare")
    values = read_params(project / "params.yaml")
    assert values["tasks"] == {}
    assert "novel" not in values["ingest"]["sources"] and values["ingest"]["sources"]


@pytest.mark.parametrize(
    ("text", "expected"), [("run: {wokers: 7}", "run.wokers"), ("run: [", "not valid YAML"), ("3", "mapping")]
)
def test_a_wrong_profile_changes_nothing(project: Path, text: str, expected: str) -> None:
    (project / "conf" / "wrong.yaml").write_text(text, encoding="utf-8")
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(UserError, match=expected):
        use(project, "wrong")
    assert (project / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["absent", "../params", ""])
def test_an_unknown_profile_lists_the_known_ones(project: Path, name: str) -> None:
    with pytest.raises(UserError, match="smoke"):
        use(project, name)
