"""Conversations and preferences become rows; what is none is named."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textmill.config.answer_tasks import AnswersTask
from textmill.config.dialogue_tasks import DialogueTask, PreferenceTask
from textmill.errors import UserError
from textmill.modeling.conversations import read as conversation
from textmill.modeling.conversations import read_pair
from textmill.tasks.tables import answers, dialogue, preference
from textmill.tasks.tables.build import build

PIN = {"package": "p", "version": "1.0", "sha256": "0" * 64, "license": "MIT"}


def write_lines(path: Path, entries: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False) for entry in entries]
    path.write_text("\n".join(lines), encoding="utf-8")


def talk(*said: str, system: str = "") -> dict[str, Any]:
    turns = [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(said)]
    return {"messages": [{"role": "system", "content": system}, *turns] if system else turns}


def task(**changes: Any) -> DialogueTask:
    return DialogueTask.model_validate(
        {"kind": "dialogue", "license": "MIT", "files": ["*.jsonl"], **changes}
    )


def said(row: Any) -> list[str]:
    return [*(message["content"] for message in conversation(row.input)), row.target]


def test_long_conversations_are_cut_into_pieces_that_end_with_the_assistant(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "talks.jsonl",
        [
            talk(*"abcdefgh", system="S"),
            talk("你好", "很好", "再见"),
            talk("only asked"),
            talk("a", "b", "x" * 30, "c", "d", "e"),
        ],
    )
    found = dialogue.read(task(most_messages=5, max_chars=20), tmp_path)
    assert [said(row) for row in found.rows] == [
        ["S", *"abcd"], ["S", *"efgh"], ["你好", "很好"], ["a", "b"], ["d", "e"],
    ]  # fmt: skip
    assert [row.group for row in found.rows] == [f"talks.jsonl:{n}" for n in (1, 1, 2, 4, 4)]
    assert found.dropped == {"no answer": 1} and found.kind == "dialogue"


def test_the_packages_are_read_by_their_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chat = {
        "one": {"messages": [
            [{"sender": "A", "text": "Hi"}, {"sender": "A", "text": "there"}],
            [{"sender": "B", "text": "Yo"}],
        ]},
        "alone": {"messages": [[{"sender": "A", "text": "Anyone?"}]]},
    }  # fmt: skip
    yaml = "categories:\n- x\nconversations:\n- - 你好\n  - 很好\n- - 1\n  - 2\n- - {a: b}\n  - c\n"
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.writestr("p/chat.json", json.dumps(chat))
        archive.writestr("p/zh/ai.yml", yaml)
        archive.writestr("p/m.jsonl", json.dumps(talk("q", "a")))
        archive.writestr("p/bad.yml", "conversations: [")
    monkeypatch.setattr(dialogue, "fetched", lambda _: tmp_path / "p.whl")
    packages = [
        {**PIN, "format": "chitchat", "members": ["p/chat.json"], "lang": "en"},
        {**PIN, "format": "chatterbot", "members": ["p/zh/*.yml"], "lang": "zh"},
        {**PIN, "format": "messages", "members": ["p/m.jsonl"]},
    ]
    found = dialogue.read(task(files=[], packages=packages), tmp_path)
    assert [said(row) for row in found.rows] == [
        ["Hi\nthere", "Yo"], ["你好", "很好"], ["1", "2"], ["q", "a"],
    ]  # fmt: skip
    assert [row.target_lang for row in found.rows] == ["en", "zh", "zh", ""]
    assert found.dropped == {"not two speakers": 1, "not a list of texts": 1}
    wrong = [{**PIN, "format": "chatterbot", "members": ["p/bad.yml"]}]
    with pytest.raises(UserError, match=r"p\.whl: p/bad\.yml: expected the YAML of chatterbot-corpus, but"):
        dialogue.read(task(files=[], packages=wrong), tmp_path)
    wrong = [{**PIN, "format": "chitchat", "members": ["p/m.jsonl"]}]
    with pytest.raises(UserError, match=r"p/m\.jsonl: expected the JSON of chitchat-dataset"):
        dialogue.read(task(files=[], packages=wrong), tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{", r"talks\.jsonl: line 2: expected a JSON object, but"),
        ([1], r"line 2: expected a JSON object, found '\[1\]'"),
        ({"text": "x"}, r"line 2: messages: expected a list of messages, found 'None'"),
        (
            {"messages": [{"role": "human", "content": "x"}]},
            r"line 2: messages\[0\]: role: expected one of system, user, assistant, found 'human'",
        ),
        ({"messages": [{"role": "user", "content": 3}]}, r"messages\[0\]: expected a role and a content"),
        ({"messages": [{"role": "user", "content": " "}]}, r"messages\[0\]: content: expected text"),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "system", "content": "b"}]},
            r"messages\[1\]: role: expected system at the beginning",
        ),
    ],
)
def test_a_line_that_is_no_conversation_is_named(tmp_path: Path, entry: Any, message: str) -> None:
    write_lines(tmp_path / "talks.jsonl", [talk("a", "b"), entry])
    with pytest.raises(UserError, match=message):
        dialogue.read(task(), tmp_path)


def test_pieces_of_a_conversation_stay_in_one_split_and_cleaning_keeps_them_readable(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    names = ["".join(random.choice(list("abcdefghijklmnop"), 2)) + str(number) for number in range(64)]

    def words() -> str:
        return " ".join("".join(random.choice(list("abcdefghijklmnop"), 6)) for _ in range(5))

    talks = [talk(f"{name} {words()}", "“green”", f"{name} {words()}", "gray") for name in names]
    write_lines(tmp_path / "talks.jsonl", talks)
    declared = task(most_messages=2, validation=16, test=40)
    about = build("t", declared, 1, tmp_path, lambda text: text.replace("“", '"'), tmp_path / "out")
    assert about["rows"] == {"train": 72, "validation": 16, "test": 40} and about["kind"] == "dialogue"
    homes: dict[str, set[str]] = {}
    for split in about["rows"]:
        for row in pq.read_table(tmp_path / "out" / f"{split}.parquet").to_pylist():
            (asked,) = conversation(row["input"])
            homes.setdefault(asked["content"].split()[0], set()).add(split)
            assert row["target"] in ('"green”', "gray")
    assert len(homes) == 64 and all(len(home) == 1 for home in homes.values())


def test_preferences_are_prompts_with_two_answers(tmp_path: Path) -> None:
    turns = talk("a", "b", "c")["messages"]
    write_lines(
        tmp_path / "pairs.jsonl",
        [
            {"prompt": "Hi", "chosen": "Hello!", "rejected": "No."},
            {"prompt": "Hi", "chosen": "Hello!", "rejected": "Go away."},
            {"prompt": turns, "chosen": [{"role": "assistant", "content": "好"}], "rejected": "坏"},
            {"prompt": "same", "chosen": "x", "rejected": "x"},
        ],
    )
    declared = PreferenceTask.model_validate({"kind": "preference", "license": "MIT", "files": ["*.jsonl"]})
    found = preference.read(declared, tmp_path)
    assert [read_pair(row.target) for row in found.rows] == [
        ("Hello!", "No."), ("Hello!", "Go away."), ("好", "坏"),
    ]  # fmt: skip
    assert conversation(found.rows[2].input) == turns and found.dropped == {"equal answers": 1}
    write_lines(tmp_path / "pairs.jsonl", [{"prompt": "Hi", "chosen": "Hello!"}])
    with pytest.raises(UserError, match=r"line 1: rejected: expected a list of messages, found 'None'"):
        preference.read(declared, tmp_path)
    write_lines(
        tmp_path / "pairs.jsonl", [{"prompt": talk("a", "b")["messages"], "chosen": "c", "rejected": "d"}]
    )
    with pytest.raises(UserError, match="prompt: expected the user to speak last, found assistant"):
        preference.read(declared, tmp_path)


def test_a_reply_is_preferred_to_one_from_another_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        for lang in ("en", "zh"):
            talks = [talk(f"{lang} question {n}", f"{lang} answer {n}") for n in range(20)]
            archive.writestr(f"{lang}.jsonl", "\n".join(map(json.dumps, talks)))
    monkeypatch.setattr(dialogue, "fetched", lambda _: tmp_path / "p.whl")
    packages = [
        {**PIN, "format": "messages", "members": [f"{lang}.jsonl"], "lang": lang} for lang in ("en", "zh")
    ]
    declared = PreferenceTask.model_validate({"kind": "preference", "license": "MIT", "packages": packages})
    found = preference.read(declared, tmp_path)
    assert len(found.rows) + found.dropped["no other answer"] == 40 and len(found.rows) > 30
    for row in found.rows:
        chosen, rejected = read_pair(row.target)
        assert said(row)[0].replace("question", "answer") == chosen != rejected
        assert rejected[:2] == chosen[:2] == row.target_lang
    assert preference.read(declared, tmp_path).rows == found.rows


def test_questions_have_their_passage_below_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        {"q": "is it warm", "p": "The sun shines all day long.", "a": True},
        {"q": "is it cold", "p": "The sun shines all day long.", "a": False},
        {"q": "谁", "p": "李白写了诗。", "a": ["李白", "他"]},
        {"q": "who", "p": "Nobody knows.", "a": []},
    ]
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.writestr("q.jsonl", "\n".join(map(json.dumps, entries)))
    monkeypatch.setattr(answers, "fetched", lambda _: tmp_path / "p.whl")
    declared = {
        "kind": "answers", "license": "MIT", "question": "q", "passage": "p", "answer": "a",
        "max_passage_chars": 12, "packages": [{**PIN, "members": ["q.jsonl"]}],
    }  # fmt: skip
    found = answers.read(AnswersTask.model_validate(declared), tmp_path)
    assert [(row.input, row.target) for row in found.rows] == [
        ("is it warm\nThe sun", "yes"), ("is it cold\nThe sun", "no"), ("谁\n李白写了诗。", "李白"),
    ]  # fmt: skip
    assert found.rows[0].group == found.rows[1].group and found.dropped == {"no answer": 1}
    write_lines(tmp_path / "own.jsonl", [{"q": "x", "a": "y"}, {"a": "z"}])
    own = {**declared, "packages": [], "files": ["own.jsonl"], "passage": None}
    with pytest.raises(UserError, match=r"own\.jsonl: line 2: q: expected text, found None"):
        answers.read(AnswersTask.model_validate(own), tmp_path)
