"""`textmill explain` tells a document's whole life."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tests.console.workplace import prepared, select, textmill
from tests.corpus.curation_texts import NOVEL, docstrings, identity
from textmill.cli import app
from textmill.corpus.lookup import Place, find_documents, read_row
from textmill.corpus.shards import read_batches, read_table, shard_paths, write_table
from textmill.corpus.sources.documents import document_id
from textmill.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = prepared(tmp_path_factory.mktemp("explain"))
    path = shard_paths(folder / "data" / "raw")[2]
    table = read_table(path)
    texts = table["text"].to_pylist()
    # Document 602 is Chinese.
    texts[102] = texts[102].replace("那人", "那个<b>人</b>")
    raw = table.set_column(1, "text", pa.array(texts, pa.large_string()))
    write_table(path, raw)
    return folder


def told(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["explain", "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    return str(caught.value)


def ledger(folder: Path) -> list[dict[str, Any]]:
    return read_table(folder / "data" / "ledger" / "ledger.parquet").to_pylist()


def one_by(folder: Path, rule: str) -> dict[str, Any]:
    return next(row for row in ledger(folder) if row["rule"].startswith(rule))


def test_every_document_has_the_fate_that_the_stage_wrote(folder: Path, monkeypatch):
    """Of all rules and both splits; of the rules that are told the first that fails is the ledger's."""
    rows = {row["rule"]: row for row in ledger(folder)}
    assert len(rows) > 8
    for rule, row in rows.items():
        life = told(folder, monkeypatch, row["id"])
        assert life["decision"]["fate"] == "dropped"
        assert {key: life["decision"][key] for key in ("rule", "value", "threshold")} == {
            key: row[key] for key in ("rule", "value", "threshold")
        }
        failing = [each["rule"] for each in life["rules"] if not each["passed"]]
        assert failing[:1] == ([] if row["stage"] == "dedup" else [rule])
    for split in ("train", "validation"):
        batch = next(iter(read_batches(folder / "data" / "corpus" / split)))
        for name in batch.column("id").to_pylist()[:5]:
            life = told(folder, monkeypatch, name)
            assert life["decision"] == {"fate": split}
            assert all(each["passed"] for each in life["rules"])


def test_rules_have_the_threshold_of_the_document(folder: Path, monkeypatch):
    """Chinese has no smallest mean word length here, English has; values are those of data/signals."""
    english, chinese = told(folder, monkeypatch, identity(5)), told(folder, monkeypatch, identity(601))
    names = [{row["rule"] for row in life["rules"]} for life in (english, chinese)]
    assert names[0] - names[1] == {"gopher.min_mean_word_length"}
    stored = read_row(find_documents(folder / "data" / "signals", [identity(5)])[identity(5)])
    for row in english["rules"]:
        if row["signal"]:
            assert row["value"] == stored[row["signal"]]


def test_other_rules_it_would_also_fail_are_named(folder: Path, monkeypatch):
    several = [
        life
        for row in ledger(folder)[:60]
        if row["stage"] == "annotate"
        for life in [told(folder, monkeypatch, row["id"])]
        if sum(not each["passed"] for each in life["rules"]) > 1
    ]
    assert several
    shown = textmill(folder, "explain", several[0]["id"])
    assert "would also fail: " in shown


def test_raw_text_stands_beside_the_cleaned(folder: Path, monkeypatch):
    life = told(folder, monkeypatch, identity(602))
    assert "<b>" in life["raw"] and "<b>" not in life["text"]
    shown = textmill(folder, "explain", identity(602), COLUMNS="120")
    assert "as it came" in shown and "⟦个<b>⟧" in shown and max(map(len, shown.splitlines())) <= 120
    assert "unchanged by cleaning" in textmill(folder, "explain", identity(601))


def test_duplicates_are_shown_with_the_other_document(folder: Path, monkeypatch):
    row = one_by(folder, "duplicates.near")
    life = told(folder, monkeypatch, row["id"])
    kept = [member["id"] for member in life["duplicates"] if member["kept"]]
    assert kept == [row["matched_id"]]
    shown = textmill(folder, "explain", row["id"])
    assert "similarity" in shown and "⟦changed⟧" in shown and row["matched_id"] in shown
    assert "\x1b" not in shown


def test_contamination_is_shown_with_the_evaluation_row(folder: Path, monkeypatch):
    row = one_by(folder, "contamination")
    life = told(folder, monkeypatch, row["id"])
    (overlap,) = life["overlaps"]
    assert overlap["matched_id"] == row["matched_id"]
    assert overlap["texts"]["input"] in docstrings(600)[110:130]
    shown = textmill(folder, "explain", row["id"], "--full")
    assert "row of summarization" in shown
    assert overlap["texts"]["input"].split()[0] in shown


def test_a_beginning_of_the_id_a_match_and_a_key_are_enough(folder: Path, monkeypatch, tmp_path: Path):
    assert told(folder, monkeypatch, identity(7)[:12])["id"] == identity(7)
    assert told(folder, monkeypatch, identity(7)[:12].upper())["id"] == identity(7)
    assert told(folder, monkeypatch, "--match", "建宁二年四月望日")["id"] == identity(601)
    listed = textmill(folder, "explain", "--match", "(?i)return the")
    assert "documents match" in listed and identity_in(listed) >= 2
    message = refused(folder, monkeypatch, "--key", "library", "file#1")
    assert document_id("library", "file#1") in message


def identity_in(text: str) -> int:
    return sum(len(line.split()[0]) == 32 for line in text.splitlines() if line.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["0" * 32], "no document, task row or unreadable input has this id"),
        (["abc"], "at least the first 4"),
        (["hello world"], "expected an id, which is 32 hex digits"),
        (["--match", "(unclosed"], "not an expression of RE2"),
        (["--match", "no text has this in it at all"], "no document's text matches"),
        ([], "expected one of: the id"),
        (["abcd", "--match", "x"], "expected one of: the id"),
    ],
)
def test_a_mistake_is_named(folder: Path, monkeypatch, arguments: list[str], message: str):
    assert message in refused(folder, monkeypatch, *arguments)


def test_a_beginning_of_several_ids_lists_them(folder: Path, monkeypatch, tmp_path: Path):
    from tests.corpus.curation_texts import write_documents

    ids = ["abcd" + "0" * 28, "abcd" + "1" * 28]
    write_documents(tmp_path / "data" / "clean", ["one", "two"], ids=ids)
    (tmp_path / "params.yaml").write_text("select: {}")
    message = refused(tmp_path, monkeypatch, "abcd")
    assert "2 ids begin so" in message and all(name in message for name in ids)
    # Nothing but clean is there: what no stage has written yet is left out.
    life = told(tmp_path, monkeypatch, ids[1])
    assert (life["text"], life["raw"], life["decision"]) == ("two", None, {"fate": "undecided"})


def test_a_task_row_is_told_too(folder: Path, monkeypatch):
    name = identity(("row", "test", 3))
    row = told(folder, monkeypatch, name[:16])
    assert (row["id"], row["task"], row["split"]) == (name, "summarization", "test")
    assert row["input"] == docstrings(600)[113]


def test_an_unreadable_input_is_told(tmp_path: Path, monkeypatch):
    from tests.corpus.curation_texts import write_documents

    write_documents(tmp_path / "data" / "clean", ["one"])
    row = {"id": "f" * 32, "source": "s", "lang": "", "place": "a.txt"}
    row |= {"reason": "not UTF-8", "expected": "UTF-8"}
    write_table(tmp_path / "data" / "raw" / "unreadable.parquet", pa.Table.from_pylist([row]))
    assert told(tmp_path, monkeypatch, "f" * 8) == row
    assert "could not be read: a.txt: found not UTF-8, expected UTF-8" in textmill(
        tmp_path, "explain", "f" * 8
    )


def test_params_that_changed_since_are_noticed(folder: Path, monkeypatch, tmp_path: Path):
    import shutil

    other = tmp_path / "other"
    shutil.copytree(folder, other)
    row = one_by(other, "gopher.min_words")
    params = (other / "params.yaml").read_text("utf-8")
    (other / "params.yaml").write_text(params.replace("min_words: 12", "min_words: 1"), "utf-8")
    assert "it would pass that rule; select has not run since" in textmill(other, "explain", row["id"])
    select(other)
    assert "select has not run since" not in textmill(other, "explain", row["id"])


def test_only_the_row_group_of_the_document_is_read(tmp_path: Path):
    path = tmp_path / "part-00000.parquet"
    write_table(
        path,
        pa.table({"id": [f"{n:032x}" for n in range(9000)], "text": [NOVEL[n % 4] for n in range(9000)]}),
    )
    content = bytearray(path.read_bytes())
    # The first group is destroyed; a row of the last is read all the same.
    content[100:2000] = bytes(1900)
    path.write_bytes(content)
    assert read_row(Place(path, 8999)) == {"id": f"{8999:032x}", "text": NOVEL[8999 % 4]}
