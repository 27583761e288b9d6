"""Baselines are what their names say, in English and Chinese."""

import random

import numpy as np
import pytest

from textmill.errors import UserError
from textmill.evaluation.segmentation import splitter
from textmill.modeling.baselines import Rows, predict_baseline
from textmill.modeling.baselines.bilstm_attention import PAD, build
from textmill.modeling.baselines.glove_logistic import vectors as glove_vectors
from textmill.modeling.baselines.lead import first_sentence
from textmill.modeling.baselines.mean_vectors import means

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


@pytest.mark.parametrize("name", ["tfidf_logistic", "word2vec_logistic", "bilstm_attention"])
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


@pytest.mark.parametrize("name", ["word2vec_logistic", "glove_logistic"])
def test_the_vectors_want_words_that_come_twice(name):
    rows = Rows(["one two", "three four"], ["a", "b"])
    with pytest.raises(UserError, match=f"{name}: no word occurs twice"):
        predict_baseline(name, "classification", rows, rows, ["one"])


def test_a_text_is_the_mean_of_its_known_words():
    vectors = {"a": np.array([1.0, 0.0], np.float32), "b": np.array([0.0, 3.0], np.float32)}
    found = means(vectors, ["a b b", "a x", "x", ""], str.split)
    assert found.tolist() == [[pytest.approx(1 / 3), 2.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def topics(seed, number):
    """Texts of two topics, each with twelve words of its own in either language."""
    draw = random.Random(seed)
    words = {"sea": ["sail", "wave", "ship", "tide", "reef", "crew", "海", "船", "浪", "潮", "港", "鱼"]}
    words["sky"] = ["bird", "wing", "wind", "star", "moon", "plane", "天", "云", "鸟", "飞", "星", "月"]
    labels = [draw.choice(["sea", "sky"]) for _ in range(number)]
    return Rows([" ".join(draw.choices(words[label], k=6)) for label in labels], labels)


def test_glove_logistic_learns_topics_in_both_languages():
    inputs = ["ship and wave", "wind under the wing", "海 上 的 船", "云 和 鸟"]
    found = predict_baseline("glove_logistic", "classification", topics(1, 200), topics(2, 40), inputs)
    assert found == ["sea", "sky", "sea", "sky"]


def test_glove_logistic_is_scikit_learns_regression_on_the_means():
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    train, validation = reviews(0), Rows(reviews(100).inputs, reviews(100).targets[::-1])
    inputs = ["what a moving story", "情节很精彩", "dull", "number", "无聊 wonderful"]
    vectors = glove_vectors(train.inputs, splitter())

    def mean(text):
        known = [vectors[word] for word in splitter()(text) if word in vectors]
        return np.mean(known, axis=0) if known else np.zeros(50)

    matrix, held_out = (np.array([mean(text) for text in rows.inputs]) for rows in (train, validation))
    fitted = [LogisticRegression(C=c, max_iter=2000).fit(matrix, train.targets) for c in (0.1, 1, 10, 100)]
    scores = [f1_score(validation.targets, one.predict(held_out), average="macro") for one in fitted]
    expected = fitted[int(np.argmax(scores))].predict([mean(text) for text in inputs]).tolist()
    assert predict_baseline("glove_logistic", "classification", train, validation, inputs) == expected


def ordered(seed, number, chinese):
    """Texts with the same words, which mean something by their order alone."""
    draw = random.Random(seed)
    first, second, fillers = ("先", "后", "一二三四五") if chinese else ("alpha", "omega", "uvwxy")
    texts, labels = [], []
    for row in range(number):
        words = [draw.choice(fillers) for _ in range(6)]
        place, other = sorted(draw.sample(range(7), 2))
        pair = (first, second) if row % 2 else (second, first)
        words.insert(place, pair[0])
        words.insert(other + 1, pair[1])
        texts.append("".join(words) if chinese else " ".join(words))
        labels.append("ordered" if row % 2 else "reversed")
    return Rows(texts, labels)


@pytest.mark.parametrize("chinese", [False, True])
def test_the_lstm_learns_what_means_of_words_cannot(chinese):
    train, validation, test = (ordered(seed, n, chinese) for seed, n in ((1, 320), (2, 80), (3, 100)))

    def accuracy(name):
        found = predict_baseline(name, "classification", train, validation, test.inputs)
        return np.mean([one == other for one, other in zip(found, test.targets, strict=True)])

    assert accuracy("bilstm_attention") > 0.95
    assert accuracy("glove_logistic") < 0.65


def test_the_lstms_attention_is_the_papers_and_does_not_see_padding():
    import torch

    torch.manual_seed(3)
    model = build(9, 3).eval()
    texts = [[2, 3, 4, 5, 6], [7, 8], [3]]
    padded = torch.tensor([ids + [PAD] * (6 - len(ids)) for ids in texts])
    with torch.inference_mode():
        logits = model(padded).numpy()
        for row, ids in enumerate(texts):
            states = model.lstm(model.embedding(torch.tensor([ids])))[0][0].numpy()
            scores = np.tanh(states) @ model.query.weight.numpy()[0]
            weights = np.exp(scores - scores.max())
            pooled = np.tanh((weights / weights.sum()) @ states)
            expected = pooled @ model.output.weight.numpy().T + model.output.bias.numpy()
            np.testing.assert_allclose(logits[row], expected, atol=1e-6)


def test_the_lstm_leaves_torch_as_it_was_and_wants_two_labels():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(2).tolist()
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    found = predict_baseline("bilstm_attention", "classification", OPINIONS, OPINIONS, ["", "never seen"])
    assert len(found) == 2 and torch.rand(2).tolist() == expected and torch.get_num_threads() == threads
    rows = Rows(["one", "two"], ["a", "a"])
    with pytest.raises(UserError, match="bilstm_attention: expected at least two labels"):
        predict_baseline("bilstm_attention", "classification", rows, rows, ["one"])


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


def test_lead_k_takes_k_sentences_of_both_languages():
    inputs = [
        "f(x)\n\nTurn x, e.g. a number, over. It may fail.\n\nSee notes\n\nMore. End.",
        "标题\n内核已停止。将自动重启！请稍候。然后再试。",
        "head\nOnly one.",
    ]
    assert predict("lead2", inputs, header_lines=1) == [
        "Turn x, e.g. a number, over. It may fail.", "内核已停止。将自动重启！", "Only one.",
    ]  # fmt: skip
    assert predict("lead3", inputs, header_lines=1)[0].endswith("It may fail. See notes")
    assert predict("lead5", inputs, header_lines=1)[1] == "内核已停止。将自动重启！请稍候。然后再试。"
    assert predict("lead", inputs, header_lines=1)[1] == "内核已停止。"


def test_a_baseline_of_another_kind_is_refused_with_those_that_fit():
    with pytest.raises(UserError, match=r"majority: does not fit a generation task; .*copy, lead"):
        predict("majority", ["x"])
