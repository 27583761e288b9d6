"""Overlaps with evaluation rows: planted ones are all found, and every one found is there."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings, identity, write_documents
from textmill.config.contamination import Contamination
from textmill.corpus.contamination import OVERLAP, Overlaps, find_overlaps, index_rows, task_texts
from textmill.corpus.shards import write_table
from textmill.errors import UserError

TOKEN = regex.compile(r"\p{Han}|[^\W_\p{Han}]+")
Rows = list[tuple[str, str]]


def words(text: str) -> list[str]:
    return TOKEN.findall(text.lower())


def joined(tokens: list[str]) -> str:
    """Tokens as running text, with spaces only where the script has them."""
    return "".join(token if regex.fullmatch(r"\p{Han}", token) else f" {token} " for token in tokens)


def grams(text: str, size: int, least: int) -> set[tuple[str, ...]]:
    """The n-grams of an input or target, straight from the definition."""
    found = words(text)
    if least <= len(found) < size:
        return {tuple(found)}
    return {tuple(found[i : i + size]) for i in range(len(found) - size + 1)}


def write_task(folder: Path, name: str, validation: Rows, test: Rows = ()) -> None:
    """Write a task's rows; row i of a split has the id of (name, split, i)."""
    for split, rows in (("validation", validation), ("test", test), ("train", [])):
        columns = {
            "id": pa.array([identity((name, split, number)) for number in range(len(rows))], pa.string()),
            "input": pa.array([row[0] for row in rows], pa.large_string()),
            "target": pa.array([row[1] for row in rows], pa.large_string()),
        }
        write_table(folder / name / f"{split}.parquet", pa.table(columns))


def overlaps(folder: Path, texts: list[str], tasks: dict[str, Rows], **params: int) -> list[dict]:
    """What is found in the texts of the tasks' validation rows."""
    write_documents(folder / "clean", texts, per_shard=7)
    for name, rows in tasks.items():
        write_task(folder / "tasks", name, rows)
    found = found_in(folder, list(tasks), Contamination(**params)).documents
    assert found.schema == OVERLAP
    return found.to_pylist()


def found_in(folder: Path, names: list[str], params: Contamination) -> Overlaps:
    """What is found in folder/clean of the tasks in folder/tasks."""
    rows = index_rows(task_texts(folder / "tasks", sorted(names), params.splits), params)
    return find_overlaps(folder / "clean", rows)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_every_planted_overlap_is_found(tmp_path_factory, seed, chinese):
    """Thirteen tokens of a row, anywhere in a document of other text, in any case and punctuation."""
    chosen = random.Random(seed)
    rows = [*NOVEL] if chinese else list(docstrings(2000)[1000:1040])
    texts = list(docstrings(60))
    planted = set()
    for number in range(0, 60, 3):
        found = words(chosen.choice([row for row in rows if len(words(row)) >= 13]))
        start = chosen.randrange(len(found) - 12)
        run = found[start : start + 13]
        piece = "，".join(run) if chinese else ", ".join(token.upper() for token in run)
        cut = chosen.randrange(len(texts[number]))
        texts[number] = f"{texts[number][:cut]} {piece} {texts[number][cut:]}"
        planted.add(identity(number))
    found = overlaps(tmp_path_factory.mktemp("planted"), texts, {"task": [(row, "") for row in rows]})
    assert planted <= {row["id"] for row in found}


def test_what_is_found_is_what_the_definition_says(tmp_path: Path):
    """Against sets of strings, on documents and rows that really overlap: docstrings and edits of them."""
    chosen = random.Random(4)
    texts = [*docstrings(400), *NOVEL]
    rows = []
    for text in [*chosen.sample(texts, 60), *NOVEL]:
        found = words(text)
        start = chosen.randrange(max(len(found) - 10, 1))
        rows.append((joined(found[start : start + chosen.randint(4, 60)]), joined(found[:9])))
    found = overlaps(tmp_path, texts, {"task": rows})
    expected = {}
    for number, text in enumerate(texts):
        tokens = words(text)
        held = {
            size: {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}
            for size in range(8, 14)
        }
        best: list[tuple[float, int, str]] = []
        for place, row in enumerate(rows):
            for part in row:
                wanted = grams(part, 13, 8)
                shared = sum(gram in held[len(gram)] for gram in wanted)
                if shared:
                    best.append((-shared / len(wanted), -shared, identity(("task", "validation", place))))
        if best:
            expected[identity(number)] = min(best)
    ours = {row["id"]: (row["fraction"], row["ngrams"], row["matched_id"]) for row in found}
    assert len(expected) > 60
    assert ours.keys() == expected.keys()
    for name, (fraction, shared, matched) in expected.items():
        assert ours[name] == (pytest.approx(-fraction, abs=1e-6), -shared, matched)


@pytest.mark.parametrize(
    ("row", "text", "found"),
    [
        (
            "one two three four five six seven eight",
            "zero, One two three: four five six seven eight nine",
            True,
        ),
        ("one two three four five six seven eight", "one two three four five six seven", False),
        ("one two three four five six seven", "one two three four five six seven", False),
        ("备下乌牛白马祭礼等项", "次日，于桃园中，备下乌牛白马、祭礼等项。", True),
        ("备下乌牛白马祭礼等项", "次日，于桃园中，备下乌牛白马、祭品等项。", False),
        ("乌牛白马祭礼", "备下乌牛白马祭礼等项", False),
    ],
)
def test_short_rows_are_matched_whole(tmp_path: Path, row: str, text: str, found: bool):
    assert bool(overlaps(tmp_path, [text, "unrelated"], {"task": [(row, "label")]})) == found


def test_a_target_that_is_held_whole_has_fraction_one(tmp_path: Path):
    """Though it is a small part of the row: it is what the model is asked for."""
    target = "Return the indices to access the main diagonal of an array."
    rows = [(" ".join(f"word{number}" for number in range(300)), target)]
    (found,) = overlaps(tmp_path, [f"Something. {target} More."], {"task": rows})
    assert (found["fraction"], found["ngrams"]) == (1.0, 1)


def test_tasks_are_kept_apart_and_splits_are_chosen(tmp_path: Path):
    text = docstrings()[3]
    write_documents(tmp_path / "clean", [text])
    write_task(tmp_path / "tasks", "beta", [(text, "")], [])
    write_task(tmp_path / "tasks", "alpha", [], [("x", text)])
    found = found_in(tmp_path, ["beta", "alpha"], Contamination()).documents
    assert found["task"].to_pylist() == ["alpha", "beta"]
    only = found_in(tmp_path, ["beta", "alpha"], Contamination(splits=("test",))).documents
    assert only["task"].to_pylist() == ["alpha"]
    assert only["matched_id"].to_pylist() == [identity(("alpha", "test", 0))]


def test_an_ngram_of_many_rows_counts_for_each(tmp_path: Path):
    """The same sentence in several rows: the row that is covered most is named, whatever the order."""
    sentence = "this sentence of boilerplate is found in every single row of the whole task"
    rows = [
        (f"{sentence} {'filler ' * number}end of the row number {number}", "") for number in range(5, 0, -1)
    ]
    (found,) = overlaps(tmp_path, [sentence], {"task": rows})
    assert found["matched_id"] == identity(("task", "validation", 4))
    assert found["ngrams"] == 2


def test_no_task_and_no_row_give_an_empty_table(tmp_path: Path):
    assert overlaps(tmp_path / "a", ["text"], {}) == []
    assert overlaps(tmp_path / "b", ["text"], {"task": []}) == []
    assert overlaps(tmp_path / "c", ["text", ""], {"task": [("too short", "positive")]}) == []


def test_a_missing_file_or_column_is_named(tmp_path: Path):
    write_documents(tmp_path / "clean", ["text"])
    with pytest.raises(UserError, match=r"task/validation\.parquet: not found"):
        found_in(tmp_path, ["task"], Contamination())
    write_task(tmp_path / "tasks", "task", [("input", "target")])
    write_table(tmp_path / "tasks" / "task" / "test.parquet", pa.table({"id": ["a"], "input": ["b"]}))
    with pytest.raises(UserError, match=r"task/test\.parquet.*target"):
        found_in(tmp_path, ["task"], Contamination())
