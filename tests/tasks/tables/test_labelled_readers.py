"""Label sets, tagged words and questions are read from every form they come in, and faults are named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from textmill.config.labelled_tasks import ExtractionTask, ScoresTask, TaggingTask
from textmill.config.tasks import FilesTask
from textmill.errors import UserError
from textmill.modeling.targets import read_answers, read_labels, read_question
from textmill.tasks.tables import extraction, files, scores, splits, tagging, texts
from textmill.tasks.tables.build import build
from textmill.tasks.tables.row import Row, Table

PIN = {"package": "p", "version": "1.0", "sha256": "0" * 64}


def multilabel(folder: Path, name: str, **changes: Any) -> list[list[str]]:
    keys = {"kind": "files", "task": "multilabel", "license": "MIT", "files": [name]}
    task = FilesTask.model_validate({**keys, "input": "text", "target": "labels", **changes})
    return [read_labels(row.target) for row in files.read(task, folder).rows]


def test_label_sets_are_lists_or_delimited_texts(tmp_path: Path) -> None:
    rows = [
        {"text": "一", "labels": ["b", "a"]},
        {"text": "two", "labels": []},
        {"text": "three", "labels": "a"},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert multilabel(tmp_path, "rows.jsonl") == [["a", "b"], [], ["a"]]
    (tmp_path / "rows.csv").write_text('text,labels\none,"b; a"\ntwo,\n', encoding="utf-8")
    assert multilabel(tmp_path, "rows.csv", delimiter=";") == [["a", "b"], []]
    columns = {"text": ["one", "two"], "labels": pa.array([["x"], []], pa.list_(pa.string()))}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    assert multilabel(tmp_path, "rows.parquet") == [["x"], []]


def test_a_list_is_no_single_label(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "labels": ["b"]}', encoding="utf-8")
    with pytest.raises(UserError, match="holds list"):
        multilabel(tmp_path, "rows.jsonl", task="classification")


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str) -> dict[str, str]:
    archive = tmp_path / "p.whl"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, content)
    monkeypatch.setattr(texts, "fetched", lambda _: archive)
    return {**PIN, "member": name}


def test_scores_that_are_high_enough_are_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = '{"text": "a", "rude": 0.5, "kind": 0.2}\n{"text": "b", "rude": 0, "kind": 0.4}\n'
    pin = package(tmp_path, monkeypatch, "s.jsonl", content)
    keys = {"kind": "scores", "license": "MIT", "scores": ["rude", "kind"], **pin}
    found = scores.read(ScoresTask.model_validate(keys))
    assert [read_labels(row.target) for row in found.rows] == [["rude"], []] and found.kind == "multilabel"
    with pytest.raises(UserError, match=r"s\.jsonl: line 1: expected a field 'mild', found 'text', 'rude'"):
        scores.read(ScoresTask.model_validate({**keys, "scores": ["mild"]}))
    with pytest.raises(UserError, match=r"s\.jsonl: line 1: field 'text': expected a number, found 'a'"):
        scores.read(ScoresTask.model_validate({**keys, "scores": ["text"]}))


def tagged(folder: Path, name: str, content: str, **changes: Any) -> Table:
    (folder / name).write_text(content, encoding="utf-8")
    keys = {"kind": "tagging", "license": "MIT", "files": [name], **changes}
    return tagging.read(TaggingTask.model_validate(keys), folder)


CHINESE = "江/nr  泽民/nr  在/p  北京/ns  ，/w  说/v\n"


def test_one_file_of_tagged_words_gives_three_tasks(tmp_path: Path) -> None:
    words = tagged(tmp_path, "a.txt", CHINESE, spans="words").rows[0]
    assert words.input == "江泽民在北京，说"
    assert words.target == "B-W B-W I-W B-W B-W I-W B-W B-W"
    assert tagged(tmp_path, "a.txt", CHINESE).rows[0].target.split()[:5] == [
        "B-nr", "B-nr", "I-nr", "B-p", "B-ns",
    ]  # fmt: skip
    entities = tagged(tmp_path, "a.txt", CHINESE, names={"nr": "PER", "ns": "LOC"}).rows[0]
    assert entities.target == "B-PER I-PER I-PER O B-LOC I-LOC O O"


def test_conll_columns_and_json_lines_agree(tmp_path: Path) -> None:
    columns = "-DOCSTART- O\n\nU.S. NNP B-LOC\nwins VBZ O\n. . O\n\nNew NNP B-LOC\nYork NNP I-LOC\n"
    lines = [
        {"words": ["U.S.", "wins", "."], "tags": ["B-LOC", "O", "O"]},
        {"tokens": ["New", "York"], "tags": ["B-LOC", "I-LOC"]},
    ]
    first = tagged(tmp_path, "a.conll", columns)
    second = tagged(tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)))
    pairs = [[(row.input, row.target) for row in found.rows] for found in (first, second)]
    assert pairs[0] == pairs[1]
    assert pairs[0] == [
        ("U.S. wins .", "B-LOC I-LOC I-LOC I-LOC O O"), ("New York", "B-LOC I-LOC"),
    ]  # fmt: skip


def test_a_span_that_ends_inside_a_unit_is_counted(tmp_path: Path) -> None:
    found = tagged(tmp_path, "a.txt", "Ｂ/nx  １２/m  元/q\n" + CHINESE, spans="words")
    assert len(found.rows) == 1 and found.dropped == {"a span ends inside a unit": 1}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "好/a  坏\n", r"a\.txt: line 1: expected word/TAG, found '坏'"),
        ("a.conll", "alone\n", r"a\.conll: line 1: expected a word and its tag, found 'alone'"),
        (
            "a.jsonl",
            '{"words": ["a"], "tags": []}',
            "line 1: expected as many tags as words, found 1 words and 0",
        ),
        ("a.jsonl", '{"words": "ab", "tags": ["O"]}', "line 1: field 'words': expected a list of texts"),
        ("a.jsonl", "[1]", "line 1: expected a JSON object, found list"),
        ("a.txt", "\n", r"a\.txt: no sentences"),
        ("a.pdf", "x", r"a\.pdf: expected a file of tagged words: \.txt"),
    ],
)
def test_tagged_words_that_cannot_be_read_are_named(tmp_path, name, content, message) -> None:
    with pytest.raises(UserError, match=message):
        tagged(tmp_path, name, content)


def asked(folder: Path, name: str, content: Any, **changes: Any) -> Table:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    (folder / name).write_text(text, encoding="utf-8")
    keys = {"kind": "extraction", "license": "MIT", "files": [name], **changes}
    return extraction.read(ExtractionTask.model_validate(keys), folder)


CONTEXT = "1998 was warm. In 1998 it rained."
ANSWERED = {"id": "q1", "question": "When did\nit rain?", "answers": [{"text": "1998", "answer_start": 18}]}
SILENT = {"id": "q2", "question": "Why?", "is_impossible": True, "answers": []}
SQUAD = {"data": [{"paragraphs": [{"context": CONTEXT, "qas": [ANSWERED, SILENT]}]}]}


def test_squad_is_read_with_its_places_and_its_silence(tmp_path: Path) -> None:
    first, second = asked(tmp_path, "a.json", SQUAD).rows
    assert read_question(first.input) == ("When did it rain?", CONTEXT)
    assert read_answers(first.target) == [("1998", 18)] and first.key == "q1"
    assert second.target == "[]"


def test_answers_without_places_are_looked_for(tmp_path: Path) -> None:
    lines = [
        {"q": "多少？", "p": "有 40 , 000 人，不是 4 人。", "a": "40,000"},
        {"q": "多少？", "p": "有 5 人", "a": "unknown"},
        {"q": "多少？", "p": "有 5 人", "a": "6"},
        {"q": "多少？", "p": "有 5 人", "a": {"text": ["5"], "answer_start": [2]}},
    ]
    found = asked(
        tmp_path, "a.jsonl", "\n".join(map(json.dumps, lines)), question="q", context="p", answer="a",
        no_answer="unknown",
    )  # fmt: skip
    assert [[answer.text for answer in read_answers(row.target)] for row in found.rows] == [
        ["40 , 000"], [], ["5"],
    ]  # fmt: skip
    assert found.dropped == {"answer not in the context": 1}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "[]", "expected SQuAD's JSON with `data`"),
        ("a.jsonl", '{"context": "a"}', "line 1: expected a field 'question', found 'context'"),
        ("a.jsonl", '{"question": "", "context": "a", "answers": 1}', "field 'question': expected text"),
        ("a.jsonl", '{"question": "a", "context": "a", "answers": 1}', "expected a text, texts, or SQuAD's"),
        ("a.jsonl", '{"question": "a", "context": "a", "answers": "b"}', "no usable questions; dropped: .*1"),
    ],
)
def test_questions_that_cannot_be_read_are_named(tmp_path, name, content, message) -> None:
    with pytest.raises(UserError, match=message):
        asked(tmp_path, name, content)


def test_cleaning_keeps_targets_true_or_drops_the_row() -> None:
    def clean(text: str) -> str:
        return text.replace("  ", " ").replace("a@b.c", "<email>")

    rows = [Row("1", "in  x y z\nx  y z y", '[{"start":6,"text":"y"}]', "s")]
    found = splits.cleaned(Table("extraction", rows, "", ""), clean).rows[0]
    assert found.input == "in x y z\nx y z y" and read_answers(found.target) == [("y", 6)]
    rows = [Row("1", "to  a@b.c", "O B-X O O O O", "s"), Row("2", "to  me", "O B-X", "s")]
    table = splits.cleaned(Table("tagging", rows, "", ""), clean)
    assert [row.input for row in table.rows] == ["to me"]
    assert table.dropped == {"target no longer fits the cleaned input": 1}


def test_a_label_that_training_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("好/a\n坏/a\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("人/n\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("丑/a\n", encoding="utf-8")
    keys = {"kind": "tagging", "license": "MIT", "files": ["a.txt"], "validation_files": ["b.txt"]}
    task = TaggingTask.model_validate({**keys, "test_files": ["c.txt"]})
    with pytest.raises(UserError, match=r"tasks\.t: .*b\.txt: line 1: the label 'n' of this validation row"):
        build("t", task, 1, tmp_path, str, tmp_path / "out")
    task = TaggingTask.model_validate({**keys, "validation_files": ["c.txt"], "test_files": ["a.txt"]})
    with pytest.raises(UserError, match=r"tasks\.t: the train split is empty"):
        build("t", task, 1, tmp_path, str, tmp_path / "out")
