"""`textmill forget`: the list, who is left, and the next select."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.console.workplace import prepared, select, textmill
from tests.corpus.curation_texts import identity
from textmill.cli import app
from textmill.corpus.selection.exclusions import read_exclusions
from textmill.corpus.shards import read_batches, read_table
from textmill.errors import UserError


@pytest.fixture
def folder(fresh: Path) -> Path:
    (fresh / "exclusions.jsonl").write_text("")
    return fresh


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("forget"))


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["forget", "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def listed(folder: Path) -> list[str]:
    return [row.id for row in read_exclusions(folder / "exclusions.jsonl")]


def cluster_of(folder: Path, size: int) -> list[str]:
    """The ids of the first cluster of this size."""
    clusters: dict[str, list[str]] = {}
    for row in read_table(folder / "data" / "duplicates" / "duplicates.parquet").to_pylist():
        clusters.setdefault(row["cluster"], []).append(row["id"])
    return sorted(next(members for members in clusters.values() if len(members) == size))


def test_what_is_forgotten_is_gone_after_the_next_select(folder: Path, monkeypatch):
    kept = next(iter(read_batches(folder / "data" / "corpus" / "train")))["id"].to_pylist()[:3]
    found = told(folder, monkeypatch, *kept, "--reason", "作者要求", "--date", "2026-11-24")
    assert (found["added"], found["documents"], found["unknown"]) == (kept, 3, [])
    line = (folder / "exclusions.jsonl").read_text("utf-8").splitlines()[0]
    assert json.loads(line) == {"id": kept[0], "reason": "作者要求", "date": "2026-11-24"}
    select(folder)
    ledger = {row["id"]: row["rule"] for row in read_table(folder / "data/ledger/ledger.parquet").to_pylist()}
    assert {ledger[name] for name in kept} == {"exclude"}
    for split in ("train", "validation"):
        for batch in read_batches(folder / "data" / "corpus" / split, ["id"]):
            assert not set(kept) & set(batch["id"].to_pylist())
    shown = textmill(folder, "explain", kept[0])
    assert "dropped by exclude" in shown


def test_asking_again_changes_nothing(folder: Path, monkeypatch):
    told(folder, monkeypatch, identity(3), "--reason", "first")
    before = (folder / "exclusions.jsonl").read_bytes()
    again = told(folder, monkeypatch, identity(3), identity(3)[:10], "--reason", "second")
    assert (again["added"], again["already"]) == ([], [identity(3)])
    assert (folder / "exclusions.jsonl").read_bytes() == before


def test_a_dry_run_writes_nothing(folder: Path, monkeypatch):
    assert told(folder, monkeypatch, identity(3), "--dry-run")["added"] == [identity(3)]
    assert listed(folder) == []


def test_by_match_and_by_file(folder: Path, monkeypatch, tmp_path: Path):
    texts = {
        row["id"]: row["text"]
        for batch in read_batches(folder / "data" / "clean", ["id", "text"])
        for row in batch.to_pylist()
    }
    expected = sorted(name for name, text in texts.items() if "deprecated" in text or "天下" in text)
    assert len(expected) == 3
    assert sorted(told(folder, monkeypatch, "--match", "deprecated|天下")["added"]) == expected
    file = tmp_path / "ids.txt"
    file.write_text(f"# asked for in writing\n{identity(8)}\n\n{identity(9)[:14]}  # the second\n")
    added = told(folder, monkeypatch, "--file", str(file), identity(10))["added"]
    assert sorted(added) == sorted([identity(8), identity(9), identity(10)])


def test_duplicates_that_remain_are_named_and_can_be_added(folder: Path, monkeypatch):
    """Forgetting the kept one alone would bring its near-duplicate into the corpus."""
    members = cluster_of(folder, 2)
    found = told(folder, monkeypatch, members[0])
    assert [(row["id"], row["of"]) for row in found["remaining"]] == [(members[1], members[0])]
    shown = textmill(folder, "forget", members[0])
    assert "remaining duplicates: 1 (--with-duplicates adds them)" in shown and members[1] in shown
    assert told(folder, monkeypatch, members[0], "--with-duplicates")["added"] == [members[1]]
    assert told(folder, monkeypatch, members[0])["remaining"] == []
    assert sorted(listed(folder)) == members


def test_a_task_row_is_honoured_by_its_task(folder: Path, monkeypatch):
    name = identity(("row", "test", 3))
    found = told(folder, monkeypatch, name[:20])
    assert found["rows"] == {name: ["summarization", "test"]}
    assert (found["documents"], found["unknown"]) == (0, [])
    assert "textmill run tasks@summarization" in textmill(folder, "forget", name)


def test_a_whole_id_of_nothing_is_listed_and_said(folder: Path, monkeypatch):
    name = "0" * 31 + "1"
    assert told(folder, monkeypatch, name)["unknown"] == [name]
    assert listed(folder) == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0000000"], "no document or task row begins so"),
        ([], "nothing to forget"),
        (["not an id"], "expected an id, which is 32 hex digits"),
        (["--match", "(oops"], "not an expression of RE2"),
        (["--file", "nowhere.txt"], "nowhere.txt: expected a file with an id a line"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_listed(folder: Path, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(app, ["forget", *arguments], catch_exceptions=False)
    assert message in str(caught.value)
    assert listed(folder) == []


def test_without_a_list_in_the_params_it_says_what_to_write(folder: Path, tmp_path: Path):
    params = (folder / "params.yaml").read_text("utf-8")
    (tmp_path / "params.yaml").write_text(params.replace("  exclude_file: exclusions.jsonl\n", ""), "utf-8")
    message = textmill(folder, "forget", identity(1), status=2, TEXTMILL_PARAMS=str(tmp_path / "params.yaml"))
    assert "select.exclude_file: missing; expected a file" in message
