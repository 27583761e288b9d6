"""Metrics equal those of sacrebleu, rouge-score and scikit-learn called directly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from sklearn.metrics import accuracy_score, f1_score

from textmill.evaluation.metrics.classification import accuracy, macro_f1, micro_f1
from textmill.evaluation.metrics.overlap import exact_match, rouge
from textmill.evaluation.metrics.translation import bleu, bleu_tokenizer, chrf
from textmill.evaluation.words import split_words

ENGLISH = [
    ("Save the notebook before closing the window.", "Save the notebook before you close the window."),
    ("The kernel has died, it will restart automatically.", "The kernel died and will restart."),
    ("Delete selected rows?", "Delete selected rows?"),
    ("unrelated", "Nothing here matches at all, sorry!"),
    ("", "An empty prediction still counts."),
    ("Open a file from %s", "Open the file at %s"),
]
CHINESE = [
    ("关闭窗口前请保存笔记本。", "关闭窗口之前保存笔记本。"),
    ("内核已停止,将自动重新启动。", "内核已经停止,它会自动重启。"),
    ("删除选中的行?", "删除选中的行?"),
    ("打开文件 %s", "从 %s 打开一个文件"),
    ("", "空的预测也要计算。"),
]
PAIRS = {"en": ENGLISH, "zh": CHINESE}


def corpus(metric, pairs):
    predictions, targets = map(list, zip(*pairs, strict=True))
    return float(metric.score(metric.statistics(predictions, targets).sum(0)))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 1), slice(3, 5), slice(4, 5)])
def test_bleu_and_chrf_equal_sacrebleu(lang, rows):
    pairs = PAIRS[lang][rows]
    predictions, targets = map(list, zip(*pairs, strict=True))
    tokenizer = "zh" if lang == "zh" else "13a"
    expected = BLEU(tokenize=tokenizer).corpus_score(predictions, [targets]).score
    assert corpus(bleu(lang), pairs) == pytest.approx(expected, abs=1e-9)
    assert corpus(chrf(), pairs) == pytest.approx(CHRF().corpus_score(predictions, [targets]).score, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.text("ab 。中文,.%", max_size=12), st.text("ab 。中文,.%", max_size=12)), min_size=1
    )
)
def test_bleu_and_chrf_equal_sacrebleu_on_any_text(pairs):
    predictions, targets = map(list, zip(*pairs, strict=True))
    expected = BLEU(tokenize="zh").corpus_score(predictions, [targets]).score
    assert corpus(bleu("zh"), pairs) == pytest.approx(expected, abs=1e-6)
    assert corpus(chrf(), pairs) == pytest.approx(CHRF().corpus_score(predictions, [targets]).score, abs=1e-6)


@pytest.mark.parametrize(
    "lang", [("zh", "zh"), ("zh-CN", "zh"), ("zh_Hans", "zh"), ("en", "13a"), ("", "13a")]
)
def test_bleu_tokenizer_follows_the_target_language(lang):
    assert bleu_tokenizer(lang[0]) == lang[1]


@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL"])
def test_rouge_equals_rouge_score_on_english(kind):
    scorer = RougeScorer([kind], use_stemmer=False)
    expected = np.mean([scorer.score(target, predicted)[kind].fmeasure for predicted, target in ENGLISH])
    assert corpus(rouge(kind), ENGLISH) == pytest.approx(100 * expected)


def test_rouge_reads_chinese_where_the_default_tokenizer_sees_nothing():
    pair = [("内核已停止", "内核停止")]
    assert RougeScorer(["rougeL"]).score(*pair[0])["rougeL"].fmeasure == 0
    # 4 of 5 predicted and 4 of 4 reference characters are in the longest common subsequence.
    assert corpus(rouge("rougeL"), pair) == pytest.approx(100 * 8 / 9)
    assert corpus(rouge("rouge2"), pair) == pytest.approx(100 * 2 * 2 / 7)


def test_words_keep_accents_and_split_scripts_without_spaces():
    assert split_words("Café_au lait: 3 tasses, 内核v2!") == [
        "café",
        "au",
        "lait",
        "3",
        "tasses",
        "内",
        "核",
        "v2",
    ]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_classification_equals_scikit_learn(data):
    labels = ["negative", "neutral", "positive"]
    n = data.draw(st.integers(1, 30))
    predictions = data.draw(st.lists(st.sampled_from(labels), min_size=n, max_size=n))
    targets = data.draw(st.lists(st.sampled_from(labels), min_size=n, max_size=n))
    pairs = list(zip(predictions, targets, strict=True))
    assert corpus(accuracy(), pairs) == pytest.approx(accuracy_score(targets, predictions))
    assert corpus(macro_f1(labels), pairs) == pytest.approx(
        f1_score(targets, predictions, average="macro", zero_division=0)
    )
    assert corpus(micro_f1(labels), pairs) == pytest.approx(f1_score(targets, predictions, average="micro"))


def test_exact_match_ignores_only_white_space():
    assert corpus(exact_match(), [("a  b ", "a b"), ("A b", "a b"), ("保存", "保存"), ("", "")]) == 75.0
