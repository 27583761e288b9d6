"""Sets that the user names: read from files, found in documents, reported, honoured by select."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_data import real_data
from tests.corpus.curation_texts import NOVEL, docstrings, identity, write_documents
from textmill.config.contamination import Contamination
from textmill.corpus.contamination import Overlaps, find_overlaps, index_rows, set_texts
from textmill.corpus.contamination.report import contamination_report
from textmill.corpus.shards import read_table
from textmill.corpus.sources.documents import document_id
from textmill.errors import UserError

TOKEN = regex.compile(r"\p{Han}|[^\W_\p{Han}]+")


def declared(**sets: dict) -> Contamination:
    return Contamination.model_validate(
        {"sets": {name: {"license": "MIT", **one} for name, one in sets.items()}}
    )


def found_in(folder: Path, params: Contamination, clean=str) -> tuple[Overlaps, dict]:
    """What is found in folder/clean of sets in folder/local, and the report's figures by set."""
    rows = index_rows(set_texts(params.sets, folder / "local", clean), params)
    found = find_overlaps(folder / "clean", rows)
    return found, contamination_report(found, rows, {name: {} for name in params.sets})["sets"]


def lines(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def disguised(tokens: list[str], draw: random.Random) -> str:
    """The tokens in any case, with any punctuation and white space between them, some in full width."""
    chinese = regex.fullmatch(r"\p{Han}", tokens[0]) is not None
    between = (
        ["", "，", "\n", "。 ", "\u3000"] if chinese else [" ", ", ", "\n\n", " — ", "\t", "! (", "\u00a0"]
    )
    cases = [
        str.upper,
        str.lower,
        str.title,
        lambda t: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in t),
    ]
    return "".join(draw.choice(cases)(token) + draw.choice(between) for token in tokens)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_planted_overlaps_are_all_found_and_no_other_document_is(tmp_path_factory, seed, chinese):
    """Recall 1.0 and no unconfirmed hit, in real documents that share nothing with the rows before."""
    folder = tmp_path_factory.mktemp("planted")
    draw = random.Random(seed)
    # ASCII rows: case mapping is one to one there, whatever the disguise.
    pool = list(NOVEL[:2]) if chinese else [text for text in docstrings(2500)[2000:] if text.isascii()]
    tokens = [TOKEN.findall(text.lower()) for text in pool]
    chosen = [row for row in tokens if len(row) >= 13]
    lines(
        folder / "local" / "set.jsonl",
        [{"text": "".join(row) if chinese else " ".join(row)} for row in chosen],
    )
    texts = [*docstrings(80), *NOVEL[2:]]
    clean_grams = {tuple(row[i : i + 13]) for row in chosen for i in range(len(row) - 12)}
    short = {tuple(row) for row in tokens if 8 <= len(row) < 13}

    def overlapping(text: str) -> bool:
        own = TOKEN.findall(text.lower())
        return any(tuple(own[i : i + 13]) in clean_grams for i in range(len(own) - 12)) or any(
            tuple(own[i : i + len(row)]) == row for row in short for i in range(len(own))
        )

    expected = {identity(number) for number, text in enumerate(texts) if overlapping(text)}
    for number in draw.sample(range(len(texts)), 20):
        row = draw.choice(chosen)
        start = draw.randrange(len(row) - 12)
        cut = draw.choice([0, len(texts[number])])
        texts[number] = (
            f"{texts[number][:cut]}\n{disguised(row[start : start + 13], draw)}\n{texts[number][cut:]}"
        )
        expected.add(identity(number))
    write_documents(folder / "clean", texts, per_shard=30)
    found, figures = found_in(folder, declared(exam={"files": ["set.jsonl"]}))
    assert set(found.documents["id"].to_pylist()) == expected
    assert figures["exam"]["documents"] == len(expected)


def test_every_format_and_several_columns(tmp_path: Path):
    english, chinese = docstrings()[10], NOVEL[1]
    write_documents(tmp_path / "clean", [f"Before. {english}", "nothing of interest", chinese])
    rows = [
        {"name": "one", "question": english, "answer": "yes"},
        {"name": "two", "question": "?", "answer": chinese},
    ]
    local = tmp_path / "local"
    lines(local / "a.jsonl", rows)
    (local / "b.jsonl.gz").write_bytes(gzip.compress((local / "a.jsonl").read_bytes()))
    pq.write_table(pa.Table.from_pylist(rows), local / "c.parquet")
    quoted = [f'"{row["name"]}","{row["question"]}","{row["answer"]}"' for row in rows]
    (local / "d.csv").write_text("\n".join(["name,question,answer", *quoted]), "utf-8")
    names = {"a": "a.jsonl", "b": "*.gz", "c": "c.parquet", "d": "d.csv"}
    params = declared(
        **{
            key: {"files": [file], "columns": ["question", "answer"], "id": "name"}
            for key, file in names.items()
        }
    )
    found, figures = found_in(tmp_path, params)
    assert [(row["id"], row["task"], row["matched_id"]) for row in found.documents.to_pylist()] == [
        (identity(number), key, document_id(key, name))
        for number, name in ((0, "one"), (2, "two"))
        for key in "abcd"
    ]
    assert found.documents["fraction"].to_pylist() == [1.0] * 8
    for key in names:
        assert figures[key] == {
            "rows": 2, "rows_too_short": 0, "rows_found": 2, "rows_whole": 2, "documents": 2
        }  # fmt: skip


def test_rows_are_counted_once_and_short_ones_are_said(tmp_path: Path):
    write_documents(tmp_path / "clean", [docstrings()[0][:200]] * 3)
    rows = [
        {"a": docstrings()[0], "b": docstrings()[0]},
        {"a": "yes", "b": "no"},
        {"a": docstrings()[99], "b": None},
    ]
    lines(tmp_path / "local" / "rows.jsonl", rows)
    found, figures = found_in(tmp_path, declared(exam={"files": ["rows.jsonl"], "columns": ["a", "b"]}))
    assert figures["exam"] == {
        "rows": 3, "rows_too_short": 1, "rows_found": 1, "rows_whole": 0, "documents": 3
    }  # fmt: skip
    assert 0 < found.largest.max() < 1


def test_rows_are_cleaned_as_documents_are(tmp_path: Path):
    """What is masked in the document is masked in the row, or the two would not be the same."""
    text = "for more about this offer write to someone.real@example.org before the end of the month please"
    masked = text.replace("someone.real@example.org", "<EMAIL>")
    write_documents(tmp_path / "clean", [masked])
    lines(tmp_path / "local" / "rows.jsonl", [{"text": text}])
    params = declared(exam={"files": ["rows.jsonl"]})

    def clean(value: str) -> str:
        return value.replace("someone.real@example.org", "<EMAIL>")

    assert found_in(tmp_path, params, clean)[0].documents["fraction"].to_pylist() == [1.0]


@pytest.mark.parametrize(
    ("one", "message"),
    [
        ({"files": ["gone.jsonl"]}, r"contamination\.sets\.exam: .*not found: gone\.jsonl"),
        ({"files": ["rows.jsonl"], "columns": ["txet"]}, r"sets\.exam: .*rows\.jsonl.*no field 'txet'"),
        ({"files": ["empty.jsonl"]}, r"sets\.exam: no row has a text"),
        ({"files": ["../rows.jsonl"]}, r"sets\.exam: .*expected a path inside"),
    ],
)
def test_a_set_that_cannot_be_read_is_named(tmp_path: Path, one: dict, message: str):
    lines(tmp_path / "local" / "rows.jsonl", [{"text": "a"}])
    lines(tmp_path / "local" / "empty.jsonl", [{"text": ""}])
    with pytest.raises(UserError, match=message):
        set_texts(declared(exam=one).sets, tmp_path / "local", str)


PARAMS = """
seed: 7
run: {{engine: local, workers: 1}}
ingest: {{local: sources}}
tasks: {{summarization: {{}}}}
clean: {{}}
contamination: {{sets: {{{name}: {{files: [exam.jsonl], columns: [question], id: key, license: CC0-1.0}}}}}}
select: {{}}
"""


def stage(name: str, folder: Path, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"pipelines.{name}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), "TEXTMILL_PARAMS": "params.yaml"},
        capture_output=True,
        text=True,
    )


def test_the_stages_drop_and_report_what_overlaps_with_a_named_set(tmp_path: Path, root: Path):
    real_data(tmp_path / "data")
    text = docstrings()[300]
    lines(tmp_path / "sources" / "exam.jsonl", [{"key": "q1", "question": text}])
    (tmp_path / "params.yaml").write_text(PARAMS.format(name="exam"))
    for name in ("contamination", "select"):
        done = stage(name, tmp_path, root)
        assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "reports" / "contamination.json").read_text())
    assert report["sets"]["exam"]["license"] == "CC0-1.0"
    assert (report["sets"]["exam"]["rows_whole"], report["sets"]["summarization"]["kind"]) == (1, "task")
    ledger = read_table(tmp_path / "data" / "ledger" / "ledger.parquet").to_pylist()
    (row,) = [row for row in ledger if row["id"] == identity(300)]
    assert (row["rule"], row["matched_id"], row["value"]) == (
        "contamination.exam",
        document_id("exam", "q1"),
        1,
    )
    kept = read_table(tmp_path / "data" / "contamination" / "rows.parquet").to_pylist()
    assert [row["text"] for row in kept if row["set"] == "exam"] == [text]


def test_a_set_named_as_a_task_is_refused(tmp_path: Path, root: Path):
    (tmp_path / "params.yaml").write_text(PARAMS.format(name="summarization"))
    done = stage("contamination", tmp_path, root)
    assert done.returncode == 2
    assert "contamination.sets.summarization: a task has this name too" in done.stderr
