"""The exclusion list: read, written, and honoured by select and by tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpus.curation_data import real_data
from tests.corpus.curation_texts import docstrings, identity
from textmill.config.select import Select
from textmill.config.tasks import FilesTask
from textmill.corpus.selection.exclusions import Exclusion, exclusion_list, read_exclusions, write_exclusions
from textmill.corpus.selection.select import select
from textmill.corpus.shards import read_table
from textmill.errors import UserError
from textmill.tasks.tables.build import build


def test_what_is_written_is_read_back(tmp_path: Path):
    rows = [
        Exclusion("0" * 32),
        Exclusion("a" * 32, "asked for by its author: “请删除”", "2026-11-24"),
    ]
    write_exclusions(tmp_path / "list.jsonl", rows)
    assert read_exclusions(tmp_path / "list.jsonl") == rows
    assert exclusion_list(str(tmp_path / "list.jsonl")) == {"0" * 32, "a" * 32}
    first, second = (tmp_path / "list.jsonl").read_text("utf-8").splitlines()
    assert json.loads(first) == {"id": "0" * 32}
    assert "请删除" in second


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"list\.jsonl: line 2: expected a JSON object"),
        ('{"id": "abc"}', r"line 2: expected an object whose id is 32 hex digits, found \{\"id\": \"abc\"\}"),
        ('["a"]', r"line 2: expected an object whose id"),
        ('{"id": "' + "a" * 32 + '", "raeson": "x"}', r"line 2: .*found raeson"),
        ('{"id": "' + "a" * 32 + '", "date": 2026}', r"line 2: .*a value that is no text"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str):
    (tmp_path / "list.jsonl").write_text('{"id": "' + "b" * 32 + f'"}}\n{line}\n')
    with pytest.raises(UserError, match=message):
        read_exclusions(tmp_path / "list.jsonl")


def test_a_list_that_is_not_there_says_what_to_do(tmp_path: Path):
    with pytest.raises(
        UserError, match=r"gone\.jsonl: cannot be read .*select\.exclude_file\. Create it empty"
    ):
        read_exclusions(tmp_path / "gone.jsonl")


def test_select_drops_what_is_listed_in_params_and_file(tmp_path: Path):
    real_data(tmp_path)
    write_exclusions(
        tmp_path / "list.jsonl", [Exclusion(identity(5), "asked"), Exclusion(identity("no one"))]
    )
    rules = {**dict.fromkeys(Select().rules.model_dump(), False), "exclude": True}
    params = Select(rules=rules, exclude=(identity(3),), exclude_file=str(tmp_path / "list.jsonl"))
    chosen = select(tmp_path, params, seed=1)
    rows = {row["id"]: (row["stage"], row["rule"]) for row in chosen.ledger.to_pylist()}
    assert rows == {identity(3): ("select", "exclude"), identity(5): ("select", "exclude")}
    assert any(identity("no one") in note for note in chosen.notes)


def test_a_task_leaves_out_the_rows_that_are_listed(tmp_path: Path):
    lines = [{"text": text, "label": "long" if len(text) > 300 else "short"} for text in docstrings(120)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    task = FilesTask.model_validate(
        {
            "kind": "files",
            "task": "classification",
            "files": ["rows.jsonl"],
            "input": "text",
            "target": "label",
            "license": "MIT",
            "validation": 5,
            "test": 5,
        }
    )

    def ids(about: dict, folder: Path) -> set[str]:
        return {
            name
            for part in about["rows"]
            for name in read_table(folder / f"{part}.parquet")["id"].to_pylist()
        }

    whole = build("films", task, 1, tmp_path, str, tmp_path / "whole")
    everything = ids(whole, tmp_path / "whole")
    gone = {min(everything), identity("a document")}
    less = build("films", task, 1, tmp_path, str, tmp_path / "less", gone)
    assert everything - ids(less, tmp_path / "less") == {min(everything)}
    assert less["dropped"]["on the exclusion list"] == 1
