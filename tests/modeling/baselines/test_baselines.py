"""Baselines are what their names say, in English and Chinese."""

import pytest

from textmill.errors import UserError
from textmill.evaluation.segmentation import splitter
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


CHINESE = [
    ("这部电影真好看，演员也很出色", "positive"), ("音乐动听，画面优美，值得再看", "positive"),
    ("情节精彩，我非常喜欢", "positive"), ("节奏紧凑，结局感人，推荐", "positive"),
    ("故事无聊，浪费时间", "negative"), ("画面粗糙，演技太差，失望", "negative"),
    ("情节拖沓，我不喜欢", "negative"), ("音乐刺耳，结局难看，别去", "negative"),
]  # fmt: skip
OPINIONS = Rows([text for text, _ in CHINESE] * 5, [label for _, label in CHINESE] * 5)


@pytest.mark.parametrize("name", ["tfidf_logistic", "word2vec_logistic"])
@pytest.mark.parametrize("words", ["characters", "jieba"])
@pytest.mark.parametrize("drop_stop_words", [False, True])
def test_baselines_learn_chinese_opinions_by_words_or_characters(name, words, drop_stop_words):
    inputs = ["演员出色，情节精彩，值得推荐", "演技太差，故事无聊，非常失望"]
    options = {"words": splitter(words, drop_stop_words)}
    found = predict_baseline(name, "classification", OPINIONS, OPINIONS, inputs, **options)
    assert found == ["positive", "negative"]
    assert found == predict_baseline(name, "classification", OPINIONS, OPINIONS, inputs, **options)


def test_the_words_of_a_text():
    text = "我非常喜欢 NumPy 2.0，但是情节拖沓"
    assert splitter()(text)[:5] == ["我", "非", "常", "喜", "欢"]
    assert splitter("jieba")(text) == ["我", "非常", "喜欢", "numpy", "2", "0", "但是", "情节", "拖沓"]
    assert splitter("jieba", True)(text) == ["非常", "喜欢", "numpy", "2", "0", "情节", "拖沓"]
    assert splitter(drop_stop_words=True)("The plot is not so bad") == ["plot", "not", "bad"]


def test_the_vectors_want_words_that_come_twice():
    rows = Rows(["one two", "three four"], ["a", "b"])
    with pytest.raises(UserError, match="word2vec_logistic: no word occurs twice"):
        predict_baseline("word2vec_logistic", "classification", rows, rows, ["one"])


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
