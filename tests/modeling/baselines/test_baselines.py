"""Baselines are what their names say, in English and Chinese."""

import pytest

from textmill.errors import UserError
from textmill.modeling.baselines import Rows, predict_baseline
from textmill.modeling.baselines.lead import first_sentence

GOOD = ["wonderful", "moving", "brilliant", "好看", "精彩"]
BAD = ["dull", "boring", "awful", "难看", "无聊"]


def reviews(start):
    words = [(word, "positive") for word in GOOD] + [(word, "negative") for word in BAD]
    frames = ["a {} film number {}", "the plot is {} , part {}", "这部电影很{},第 {} 部"]
    rows = [(frame.format(word, start + i), label) for i, frame in enumerate(frames) for word, label in words]
    return Rows([text for text, _ in rows], [label for _, label in rows])


def predict(name, inputs, kind="generation", train=Rows([""], [""]), **options):
    return predict_baseline(name, kind, train, train, inputs, **options)


def test_majority_takes_the_first_of_equals_in_alphabetical_order():
    train = Rows(["1", "2", "3", "4"], ["b", "a", "b", "a"])
    assert predict("majority", ["x", "y"], "classification", train) == ["a", "a"]
    assert predict("majority", ["x"], "classification", Rows(["1", "2", "3"], ["b", "a", "b"])) == ["b"]


def test_tfidf_logistic_learns_words_of_both_languages():
    inputs = ["what a moving story", "boring from start to end", "情节很精彩", "真是无聊"]
    expected = ["positive", "negative", "positive", "negative"]
    found = predict_baseline("tfidf_logistic", "classification", reviews(0), reviews(100), inputs)
    assert found == expected


def test_copy_returns_the_input():
    assert predict("copy", ["保存 %s", ""]) == ["保存 %s", ""]


def test_translation_memory_returns_the_target_of_the_nearest_input():
    train = Rows(
        ["Open the file", "Save the file", "Close all windows", "Save the file"],
        ["打开文件", "保存文件", "关闭所有窗口", "另存文件"],
    )
    inputs = ["Save this file", "Close the windows", "Open file", "Save the file"]
    assert predict("translation_memory", inputs, train=train) == [
        "保存文件",
        "关闭所有窗口",
        "打开文件",
        "保存文件",
    ]


def test_translation_memory_does_not_depend_on_chunks(monkeypatch):
    train = reviews(0)
    inputs = [text.upper() for text in train.inputs]
    whole = predict("translation_memory", inputs, train=train)
    monkeypatch.setattr("textmill.modeling.baselines.translation_memory._CELLS_PER_CHUNK", 40)
    assert predict("translation_memory", inputs, train=train) == whole


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("Open a file, e.g. a text file. Then read it.", "Open a file, e.g. a text file."),
        ("Returns True\nif it is empty. Else False.", "Returns True if it is empty."),
        ("No full stop here\n\nNext paragraph.", "No full stop here"),
        ("他说:“走吧。”然后离开了。", "他说:“走吧。”"),
        ("内核已停止。将自动重启。", "内核已停止。"),
        ("version 1.2.3 is out! See notes.", "version 1.2.3 is out!"),
        ("nothing ends", "nothing ends"),
        ("", ""),
    ],
)
def test_first_sentence(text, sentence):
    assert first_sentence(text) == sentence


def test_lead_skips_the_header_where_there_is_something_below():
    inputs = ["json.dumps(obj)\n\nTurn obj into JSON. It may fail.", "only one line. Second."]
    assert predict("lead", inputs, header_lines=1) == ["Turn obj into JSON.", "only one line."]
    assert predict("lead", inputs)[0] == "json.dumps(obj)"


def test_a_baseline_of_another_kind_is_refused_with_those_that_fit():
    with pytest.raises(UserError, match=r"majority: does not fit a generation task; .*copy, lead"):
        predict("majority", ["x"])
