"""No row alike to a test row trains, contradictions go, and a split does not depend on the order of rows."""

from __future__ import annotations

import random
from collections import Counter
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.config.tasks import FilesTask
from textmill.errors import UserError
from textmill.tasks.tables.groups import groups, likeness_key
from textmill.tasks.tables.row import Row, Table
from textmill.tasks.tables.splits import cleaned, consistent, split


def task(**values: Any) -> FilesTask:
    return FilesTask.model_validate(
        {
            "kind": "files",
            "task": "generation",
            "files": ["x"],
            "license": "MIT",
            "validation": 5,
            "test": 10,
            **values,
        }
    )


def table(inputs: list[str], targets: list[str] | None = None, kind: str = "generation") -> Table:
    pairs = zip(inputs, targets or [f"target {text}" for text in inputs], strict=True)
    rows = [Row(f"k{index:03d}", text, target, "own") for index, (text, target) in enumerate(pairs)]
    return Table(kind, rows, "en", "en")  # type: ignore[arg-type]


WORDS = ["open", "Open", "OPEN!", "close", "the", "file", "文件", "打开", "打开。", "3", "42", "?"]
INPUTS = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join),
    min_size=40,
    max_size=80,
    unique=True,
)


@settings(max_examples=25, deadline=None)
@given(INPUTS, st.integers(0, 100))
def test_nothing_alike_straddles_and_nothing_is_lost(inputs: list[str], seed: int) -> None:
    found = table(inputs)
    try:
        parts = split(found, task(validation=2, test=4), "t", seed)
    except UserError:
        return
    assert sorted(row.key for rows in parts.values() for row in rows) == [row.key for row in found.rows]
    keys = {part: {likeness_key(row.input) for row in rows} for part, rows in parts.items()}
    assert keys["train"].isdisjoint(keys["test"] | keys["validation"])
    assert keys["validation"].isdisjoint(keys["test"])
    assert len(parts["test"]) <= 4 and len(parts["validation"]) <= 2


def test_a_split_depends_on_keys_and_seed_and_not_on_order() -> None:
    draw = random.Random(0)
    inputs = [" ".join("".join(draw.choices(ascii_lowercase, k=6)) for _ in range(4)) for _ in range(100)]
    found = table(inputs)
    shuffled = Table("generation", random.Random(3).sample(found.rows, len(found.rows)), "en", "en")
    assert split(found, task(), "t", 1) == split(shuffled, task(), "t", 1)
    assert split(found, task(), "t", 1)["test"] != split(found, task(), "t", 2)["test"]
    assert split(found, task(), "t", 1)["test"] != split(found, task(), "other", 1)["test"]
    parts = split(found, task(train=7), "t", 1)
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [7, 5, 10]
    assert found.dropped["more than train"] == 78


def test_near_duplicates_are_one_group_in_english_and_chinese() -> None:
    english = (
        "The function returns a new array with the given shape, filled with zeros, on the same device " * 2
    )
    chinese = "该函数返回一个新的数组，其形状由参数给出，并且用零填充，位于相同的设备上，数据类型保持不变。"
    texts = [
        english + "as the input.", english + "as the first input.", "Something else entirely.",
        chinese, chinese.replace("保持不变", "没有变化"), "完全不同的另一句话。",
        "Version 1.2", "version 3.4!", "12", "13",
    ]  # fmt: skip
    found = groups(texts, 0.6, 7).tolist()
    assert found[0] == found[1] and found[3] == found[4] and found[6] == found[7]
    assert len(set(found)) == 7


def test_contradictions_are_dropped_and_counted() -> None:
    labels = table(
        ["So good", "so good!", "Bad.", "Bad.", "Fine"], ["pos", "neg", "neg", "neg", "pos"], "classification"
    )
    kept = consistent(labels)
    assert [row.input for row in kept.rows] == ["Bad.", "Fine"]
    assert kept.dropped == Counter(contradictory=2, repeated=1)
    pairs = consistent(table(["Open", "Open", "Open", "open"], ["打开", "开", "打开", "开启"]))
    assert [(row.input, row.target) for row in pairs.rows] == [("Open", "打开"), ("open", "开启")]
    assert pairs.dropped == Counter(contradictory=1, repeated=1)


def test_cleaning_reaches_inputs_and_target_texts_but_not_labels() -> None:
    both = cleaned(table([" A ", "B"], ["x ", "  "]), str.strip)
    assert [(row.input, row.target) for row in both.rows] == [("A", "x")]
    assert both.dropped == Counter({"empty after cleaning": 1})
    label = cleaned(table(["a"], ["Label"], "classification"), str.upper)
    assert (label.rows[0].input, label.rows[0].target) == ("A", "Label")


def test_prescribed_splits_lose_what_would_leak() -> None:
    rows = [
        Row("a", "Completely fresh words", "x", "s", "train"),
        Row("b", "Delete the file?", "x", "s", "train"),
        Row("c", "delete the file", "x", "s", "test"),
        Row("d", "Another validation row", "x", "s", "validation"),
        Row("e", "another VALIDATION row", "x", "s", "train"),
    ]
    found = Table("generation", rows, "en", "zh")
    parts = split(found, task(), "t", 1)
    assert {part: [row.key for row in rows] for part, rows in parts.items()} == {
        "train": ["a"], "validation": ["d"], "test": ["c"],
    }  # fmt: skip
    assert found.dropped == Counter(
        {"train row alike to a test row": 1, "train row alike to a validation row": 1}
    )


def test_a_large_group_trains() -> None:
    inputs = [f"Version {index}" for index in range(30)] + [
        f"row {'abcdefghij'[i]}{'klm'[j]}" for i in range(10) for j in range(3)
    ]
    parts = split(table(inputs), task(), "t", 1)
    assert not any(row.input.startswith("Version") for row in parts["test"] + parts["validation"])


def test_empty_splits_one_class_and_unseen_labels_are_told() -> None:
    with pytest.raises(
        UserError, match=r"tasks\.t: the train split is empty \(train 0, validation 1, test 1\)"
    ):
        split(table(["one", "two"]), task(test=1, validation=1), "t", 1)
    words = [f"{a}{b}" for a in "abcdef" for b in "uvwxyz"]
    with pytest.raises(UserError, match=r"every training row has the label 'pos'"):
        split(table(words, ["pos"] * len(words), "classification"), task(), "t", 1)
    rows = [Row(word, word, "pos" if word < "d" else "neg", "s", "train") for word in words]
    rows += [
        Row("v", "validate", "pos", "s", "validation"),
        Row("t", "test it", "new", "s", "test", "own.csv: row 9"),
    ]
    with pytest.raises(
        UserError, match=r"own\.csv: row 9: the label 'new' of this test row.*which has: neg, pos"
    ):
        split(Table("classification", rows, "en", ""), task(), "t", 1)


def test_short_texts_that_differ_in_a_letter_or_share_a_target_stay_together() -> None:
    """Word 5-grams cannot tell short texts apart, and a known target is a leak of its own."""
    texts = [
        "Interrupt kernel",
        "Interrupt the kernel",
        "Rename file",
        "Add",
        "Adding",
        "打开文件夹",
        "打开文件夹吧",
    ]
    targets = ["中断内核", "中断这个内核", "重命名文件", "添加", "添加", "a", "b"]
    found = groups(texts, 0.6, 7, targets).tolist()
    assert found[0] == found[1] and found[3] == found[4] and found[5] == found[6]
    assert len({found[0], found[2], found[3], found[5]}) == 4
    assert groups(texts, 0.6, 7).tolist()[3] != groups(texts, 0.6, 7).tolist()[4]
