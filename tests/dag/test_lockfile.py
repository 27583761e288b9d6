"""dvc.lock stays whole and in order, whatever happens to the process that writes it."""

from __future__ import annotations

import random

import pytest
from ruamel.yaml import YAML

from textmill.dag.aftercare import mend
from textmill.dag.lockfile import join, mended, put, settle, split, target_order, whole

LOCK = """schema: '2.0'
stages:
  clean:
    cmd: python -m pipelines.clean
    deps:
    - path: data/raw
      hash: md5
      md5: 60b725f10c9c85c70d97880dfe8191b3.dir
      size: 2
      nfiles: 1
    params:
      params.yaml:
        clean:
          text: "a long text that is folded by the printer because it is longer than eighty
            characters: 中文, too"
    outs:
    - path: data/clean
      hash: md5
      md5: c4ca4238a0b923820dcc509a6f75849b.dir
      size: 1
      nfiles: 1
  tasks@translation:
    cmd: python -m pipelines.tasks translation
    outs:
    - path: data/tasks/translation
      md5: c4ca4238a0b923820dcc509a6f75849b.dir
  report:
    cmd: python -m pipelines.report
    deps:
    - path: reports/bias.json
      md5: c4ca4238a0b923820dcc509a6f75849b
"""


def test_splitting_and_joining_gives_the_same_bytes() -> None:
    head, entries = split(LOCK)
    assert list(entries) == ["clean", "tasks@translation", "report"]
    assert join(head, entries) == LOCK


def test_entries_take_the_given_order_and_keep_their_content() -> None:
    head, entries = split(LOCK)
    turned = join(head, entries, ["report", "absent", "clean"])
    assert list(split(turned)[1]) == ["report", "clean", "tasks@translation"]
    assert YAML(typ="safe").load(turned) == YAML(typ="safe").load(LOCK)


@pytest.mark.parametrize("seed", range(6))
def test_a_lock_cut_anywhere_is_mended_to_whole_entries_of_the_original(seed: int) -> None:
    original = YAML(typ="safe").load(LOCK)["stages"]
    for cut in random.Random(seed).sample(range(len(LOCK)), 40):
        torn = LOCK[:cut]
        if whole(torn):
            continue
        kept = mended(torn)
        if kept is None:
            # Nothing after the second entry began was lost: there was no whole entry yet.
            assert "  tasks@translation:\n" not in torn
            continue
        entries = YAML(typ="safe").load(kept)["stages"]
        assert whole(kept)
        assert entries == {name: original[name] for name in entries}


@pytest.mark.parametrize(
    "torn", ["", "sche", "schema: '2.0'\nstages:\n", "schema: '2.0'\nstages:\n  a:\n    deps:\n"]
)
def test_a_lock_without_a_whole_entry_is_removed(tmp_path, torn: str) -> None:
    (tmp_path / "dvc.lock").write_text(torn)
    assert "written anew" in mend(tmp_path)[0]
    assert not (tmp_path / "dvc.lock").exists()


def test_a_whole_lock_is_left_alone(tmp_path) -> None:
    (tmp_path / "dvc.lock").write_text(LOCK)
    assert mend(tmp_path) == []
    assert (tmp_path / "dvc.lock").read_text() == LOCK


def test_putting_an_entry_replaces_it_in_place_and_appends_a_new_one(tmp_path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_text(LOCK)
    new = "schema: '2.0'\nstages:\n  {}:\n    cmd: new\n"
    put(path, new.format("clean"), [])
    assert list(split(path.read_text())[1]) == ["clean", "tasks@translation", "report"]
    assert YAML(typ="safe").load(path.read_text())["stages"]["clean"] == {"cmd": "new"}
    put(path, new.format("select"), ["clean", "select", "report"])
    assert list(split(path.read_text())[1]) == ["clean", "select", "report", "tasks@translation"]


def test_new_stages_are_appended_in_the_order_they_are_executed(tmp_path) -> None:
    path, memory = tmp_path / "dvc.lock", tmp_path / "order.json"
    path.write_text(LOCK)
    order = target_order(path, ["ingest", "clean", "select", "report"], memory)
    assert order == ["clean", "tasks@translation", "report", "ingest", "select"]


def test_a_killed_run_leaves_the_order_it_was_heading_for(tmp_path) -> None:
    path, memory = tmp_path / "dvc.lock", tmp_path / "order.json"
    planned = ["a", "b", "c", "d"]
    assert target_order(path, planned, memory) == planned
    path.write_text("schema: '2.0'\nstages:\n  c:\n    cmd: c\n  a:\n    cmd: a\n")
    order = target_order(path, planned, memory)
    assert order == planned
    settle(path, order, memory)
    assert list(split(path.read_text())[1]) == ["a", "c"]
    assert memory.exists(), "the run is not finished: b and d have no entry yet"


def test_a_finished_run_forgets_its_order(tmp_path) -> None:
    path, memory = tmp_path / "dvc.lock", tmp_path / "order.json"
    order = target_order(path, ["b", "a"], memory)
    path.write_text("schema: '2.0'\nstages:\n  a:\n    cmd: a\n  b:\n    cmd: b\n")
    settle(path, order, memory)
    assert list(split(path.read_text())[1]) == ["b", "a"]
    assert not memory.exists()


def test_a_lock_from_elsewhere_is_not_ordered_by_an_old_run(tmp_path) -> None:
    path, memory = tmp_path / "dvc.lock", tmp_path / "order.json"
    target_order(path, ["a", "b"], memory)
    path.write_text("schema: '2.0'\nstages:\n  z:\n    cmd: z\n  b:\n    cmd: b\n")
    assert target_order(path, ["a", "b"], memory) == ["z", "b", "a"]
