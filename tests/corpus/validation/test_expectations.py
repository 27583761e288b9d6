"""The gate between data and training, with the real library on small stats frames."""

import json

import pandas as pd
import pyarrow as pa
import pytest
from pydantic import ValidationError

from textmill.config.validate import Expectation
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.corpus.validation.expectations import check_expectations, failure_message
from textmill.corpus.validation.frames import StatsFrames
from textmill.errors import UserError
from textmill.files import write_json

ENGLISH = "It rained on the roof all night, and by the morning the road was gone."
CHINESE = "夜里下雨，天亮才停。"


def documents(split, texts):
    return pa.table(
        {
            "id": [f"{split}{number}" for number in range(len(texts))],
            "text": pa.array(texts, pa.large_string()),
            "source": ["novel" if text == CHINESE else "letters" for text in texts],
            "license": ["MIT"] * len(texts),
            "lang": ["zh" if text == CHINESE else "en" for text in texts],
            "meta": ["{}"] * len(texts),
        },
        schema=DOCUMENT,
    )


def task_rows(split, count, label=None, same=""):
    return pa.table(
        {
            "id": [f"{split}{number}" for number in range(count)],
            "input": pa.array(
                [same or f"{split} 输入 {number}" for number in range(count)], pa.large_string()
            ),
            "target": pa.array(
                [label or ("positive", "negative")[number % 2] for number in range(count)], pa.large_string()
            ),
            "source": ["reviews"] * count,
        }
    )


@pytest.fixture
def data(tmp_path):
    """A corpus of 90 English and 10 Chinese documents, their signals, and two tasks."""
    train, held_out = (
        documents("train", [ENGLISH] * 85 + [CHINESE] * 10),
        documents("validation", [ENGLISH] * 5),
    )
    write_table(tmp_path / "corpus/train/part-00000.parquet", train.slice(0, 50))
    write_table(tmp_path / "corpus/train/part-00001.parquet", train.slice(50))
    write_table(tmp_path / "corpus/validation/part-00000.parquet", held_out)
    ids = [*train["id"].to_pylist(), *held_out["id"].to_pylist(), "dropped"]
    write_table(tmp_path / "signals/part-00000.parquet", pa.table({"id": ids, "words": range(len(ids))}))
    for task, kind in (("sentiment", "classification"), ("translation", "generation")):
        for split, count in (("train", 40), ("validation", 6), ("test", 10)):
            write_table(tmp_path / f"tasks/{task}/{split}.parquet", task_rows(split, count))
        write_json(tmp_path / f"tasks/{task}/task.json", {"kind": kind, "labels": ["negative", "positive"]})
    return tmp_path


def frames(root):
    return StatsFrames(root / "corpus", root / "signals", root / "tasks")


def check(root, *expectations, data_docs=None):
    listed = [Expectation(**{"name": f"number {i}", **entry}) for i, entry in enumerate(expectations)]
    return check_expectations(listed, frames(root), data_docs)


def at_most(column, most, frame="tasks", **more):
    return {
        "frame": frame,
        "expectation": "expect_column_max_to_be_between",
        "arguments": {"column": column, "max_value": most},
        **more,
    }


def test_frames_hold_the_facts(data):
    stats = frames(data)
    found = stats.frame("documents")
    assert list(found["split"]) == ["train"] * 95 + ["validation"] * 5
    assert set(found.columns) == {"id", "split", "source", "lang", "license", "characters"}
    assert found.groupby("lang")["characters"].max().to_dict() == {"en": len(ENGLISH), "zh": len(CHINESE)}
    languages = stats.frame("languages").set_index("lang")
    assert languages.loc["zh", "document_share"] == pytest.approx(0.1)
    total = 90 * len(ENGLISH) + 10 * len(CHINESE)
    assert languages.loc["zh", "character_share"] == pytest.approx(10 * len(CHINESE) / total)
    splits = stats.frame("splits").iloc[0]
    assert splits.to_dict() == {
        "train_documents": 95,
        "validation_documents": 5,
        "validation_share": 0.05,
        "shared_ids": 0,
        "unmeasured": 0,
    }
    assert len(stats.frame("signals")) == 100
    tasks = stats.frame("tasks").set_index(["task", "split"])
    assert tasks.loc[("sentiment", "test"), "rows"] == 10 and tasks.loc[("sentiment", "test"), "labels"] == 2
    assert pd.isna(tasks.loc[("translation", "test"), "labels"])
    assert set(stats.frame("task_rows")["label"].dropna()) == {"positive", "negative"}


def test_what_holds_passes(data):
    report = check(
        data,
        {
            "frame": "documents",
            "expectation": "expect_column_values_to_be_unique",
            "arguments": {"column": "id"},
        },
        {
            "frame": "documents",
            "expectation": "expect_column_quantile_values_to_be_between",
            "arguments": {
                "column": "characters",
                "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[10, None]]},
            },
        },
        at_most("shared_ids", 0, "splits"),
        {
            "frame": "task_rows",
            "where": {"task": "sentiment"},
            "expectation": "expect_column_distinct_values_to_equal_set",
            "arguments": {"column": "label", "value_set": ["positive", "negative"]},
        },
    )
    assert report["passed"] and all(entry["passed"] for entry in report["expectations"])
    assert report["expectations"][1]["observed"]["values"] == [len(ENGLISH)]
    assert report["expectations"][2]["observed"] == 0


def break_ids(root):
    write_table(root / "corpus/validation/part-00000.parquet", documents("train", [ENGLISH] * 3))


def break_signals(root):
    write_table(root / "signals/part-00000.parquet", pa.table({"id": ["train0"], "words": [1]}))


def leak_a_task_row(root):
    write_table(root / "tasks/translation/test.parquet", task_rows("train", 1))


def repeat_a_task_id(root):
    rows = task_rows("test", 2)
    write_table(root / "tasks/translation/test.parquet", pa.concat_tables([rows, rows]))


def invent_a_label(root):
    write_table(root / "tasks/sentiment/test.parquet", task_rows("test", 2, label="mixed"))


def empty_an_input(root):
    rows = task_rows("test", 2).set_column(1, "input", pa.array(["", None], pa.large_string()))
    write_table(root / "tasks/translation/test.parquet", rows)


@pytest.mark.parametrize(
    ("harm", "column", "frame", "observed"),
    [
        (break_ids, "shared_ids", "splits", 3),
        (break_signals, "unmeasured", "splits", 99),
        (leak_a_task_row, "inputs_in_train", "tasks", 1),
        (repeat_a_task_id, "duplicate_ids", "tasks", 2),
        (invent_a_label, "unseen_labels", "tasks", 2),
        (empty_an_input, "empty_inputs", "tasks", 2),
    ],
)
def test_what_is_broken_fails_and_is_named(data, harm, column, frame, observed):
    assert check(data, at_most(column, 0, frame))["passed"]
    harm(data)
    report = check(data, at_most(column, 0, frame, name="nothing is broken"))
    assert not report["passed"]
    assert report["expectations"][0]["observed"] == observed
    assert failure_message(report) == (
        f"1 of 1 expectations failed. nothing is broken ({frame}, expect_column_max_to_be_between): "
        f"expected column {column}, max_value 0, observed {observed}."
    )


def test_no_rows_is_a_failure_not_a_pass(data):
    report = check(data, at_most("rows", 10**6, where={"task": "sentimnt"}))
    assert not report["passed"] and report["expectations"][0]["observed"] == "no rows"


def test_the_report_depends_on_the_data_alone(data, tmp_path_factory):
    entries = [
        at_most("rows", 100),
        at_most("words", 50, "signals"),
        at_most("rows", 5, where={"split": "test"}),
    ]
    one = check(data, *entries, data_docs=data / "docs")
    two = check(data, *entries, data_docs=tmp_path_factory.mktemp("other") / "docs")
    assert json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert [entry["passed"] for entry in one["expectations"]] == [True, False, False]


def test_data_docs_are_pages_about_every_frame_and_replace_older_ones(data):
    for _ in range(2):
        check(data, at_most("rows", 100), at_most("words", 50, "signals"), data_docs=data / "docs")
    pages = [path.name for path in (data / "docs/validations").rglob("*.html")]
    assert sorted(pages) == ["signals.html", "tasks.html"]
    assert (data / "docs/index.html").is_file()
    assert ENGLISH not in "".join(path.read_text() for path in (data / "docs").rglob("*.html"))
    index = (data / "docs/index.html").read_text()
    for name in ("tasks", "signals"):
        assert f"expectations/{name}.html" in index and (data / f"docs/expectations/{name}.html").is_file()
        (page,) = (data / f"docs/validations/{name}").rglob("*.html")
        assert f"{name}</" in page.read_text()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"frame": "tasks", "expectation": "expect_column_maximum_to_be_between"},
            "number 0: expectation: .* Did you mean expect_column_max",
        ),
        (at_most("rowz", 1), "number 0: column: the frame tasks has no 'rowz'. It has: task, split"),
        (at_most("rows", 1, where={"tusk": "x"}), "where.tusk: the frame tasks has no such column"),
        (
            {
                "frame": "tasks",
                "expectation": "expect_column_max_to_be_between",
                "arguments": {"column": "rows", "most": 1},
            },
            "number 0: arguments: most: extra fields not permitted",
        ),
        (
            {
                "frame": "tasks",
                "expectation": "expect_column_mean_to_be_between",
                "arguments": {"column": "task", "max_value": 1},
            },
            "could not be checked on the frame tasks",
        ),
    ],
)
def test_mistakes_in_params_are_named(data, entry, message):
    with pytest.raises(UserError, match=message):
        check(data, entry)


def test_two_of_one_name_are_refused(data):
    with pytest.raises(UserError, match="two are named 'same'"):
        check(data, at_most("rows", 1, name="same"), at_most("rows", 2, name="same"))


def test_a_frame_that_does_not_exist_is_refused():
    with pytest.raises(ValidationError, match="documents"):
        Expectation(name="x", frame="texts", expectation="expect_column_to_exist")


def test_missing_inputs_are_named(data, tmp_path):
    with pytest.raises(UserError, match="expected a folder per task"):
        StatsFrames(data / "corpus", data / "signals", tmp_path / "none").frame("tasks")
    with pytest.raises(UserError, match="select stage"):
        StatsFrames(tmp_path / "none", data / "signals", data / "tasks").frame("documents")
