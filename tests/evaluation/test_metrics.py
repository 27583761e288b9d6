"""Metrics equal those of sacrebleu, rouge-score and scikit-learn called directly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

from textmill.errors import UserError
from textmill.evaluation.metrics import subsequence
from textmill.evaluation.metrics.choose import choose_metrics
from textmill.evaluation.metrics.classification import accuracy, label_f1, macro_f1, matthews, micro_f1
from textmill.evaluation.metrics.overlap import (
    answer_exact_match,
    answer_f1,
    answer_words,
    exact_match,
    rouge,
)
from textmill.evaluation.metrics.translation import bleu, bleu_tokenizer, chrf, ter
from textmill.evaluation.metrics.variety import distinct, repetition
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


def test_rows_of_several_languages_count_by_their_own_tokenizers():
    pairs = [("打开 的文件夹", "打开的文件"), ("open the file", "open a file"), ("保存一个文件", "保存文件")]
    languages = ["zh", "en", "zh"]
    for make in (bleu, ter):
        whole = make("", languages).statistics(*zip(*pairs, strict=True))
        for language in ("zh", "en"):
            places = [place for place, name in enumerate(languages) if name == language]
            chosen = [pairs[place] for place in places]
            own = make(language).statistics(*zip(*chosen, strict=True))
            assert (whole[places] == own).all()


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
    assert corpus(matthews(labels), pairs) == pytest.approx(matthews_corrcoef(targets, predictions))
    each = f1_score(targets, predictions, average=None, labels=labels, zero_division=0)
    assert [corpus(label_f1(label), pairs) for label in labels] == pytest.approx(list(each))


def test_exact_match_ignores_only_white_space():
    assert corpus(exact_match(), [("a  b ", "a b"), ("A b", "a b"), ("保存", "保存"), ("", "")]) == 75.0


def test_matthews_counts_a_prediction_that_is_no_label():
    pairs = [("a", "a"), ("b", "b"), ("nonsense", "a"), ("b", "b")]
    expected = matthews_corrcoef([target for _, target in pairs], [found for found, _ in pairs])
    assert corpus(matthews(["a", "b"]), pairs) == pytest.approx(expected)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("rows", [slice(None), slice(0, 1), slice(4, 5)])
def test_ter_equals_sacrebleu(lang, rows):
    pairs = PAIRS[lang][rows]
    predictions, targets = map(list, zip(*pairs, strict=True))
    reference = TER(normalized=lang == "zh", asian_support=lang == "zh")
    expected = reference.corpus_score(predictions, [targets]).score
    assert corpus(ter(lang), pairs) == pytest.approx(expected, abs=1e-9)


WORDS = ["the", "cat", "sat", "on", "a", "mat"]
TEXT = st.lists(st.lists(st.sampled_from(WORDS), max_size=9), max_size=4).map(
    lambda lines: "\n".join(" ".join(line) for line in lines)
)


@pytest.mark.parametrize("kind", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
@settings(max_examples=150, deadline=None)
@given(found=TEXT, wanted=TEXT)
def test_rouge_equals_rouge_score_on_any_lines(kind, found, wanted):
    expected = RougeScorer([kind]).score(wanted, found)[kind].fmeasure
    assert corpus(rouge(kind), [(found, wanted)]) == pytest.approx(100 * expected)


@settings(max_examples=150, deadline=None)
@given(st.text("abc", max_size=70), st.text("abc", max_size=70))
def test_the_longest_common_subsequence_is_one_and_is_longest(one, other):
    table = np.zeros((len(one) + 1, len(other) + 1), int)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = table[i, j] + 1 if a == b else max(table[i, j + 1], table[i + 1, j])
    places = subsequence.positions(one, other)
    assert subsequence.length(one, other) == len(places) == table[-1, -1]
    remaining = iter(other)
    assert places == sorted(set(places)) and all(one[place] in remaining for place in places)


def test_answers_are_compared_as_squad_does():
    assert answer_words("The Eiffel Tower!") == ["eiffel", "tower"]
    assert answer_words("在1889年，《巴黎》") == ["在", "1889", "年", "巴", "黎"]
    pairs = [("The Eiffel Tower", "Eiffel tower."), ("Paris, France", "Paris"), ("", ""), ("巴黎市", "巴黎")]
    assert corpus(answer_exact_match(), pairs) == 50.0
    assert corpus(answer_f1(), pairs) == pytest.approx((100 + 200 / 3 + 100 + 80) / 4)


def test_variety_and_repetition_of_known_outputs():
    pairs = [("a b a b", "x"), ("一二一二一二", "x"), ("one", "x"), ("", "x")]
    assert corpus(distinct(1), pairs) == pytest.approx((2 / 4 + 2 / 6 + 1) / 3)
    assert corpus(distinct(2), pairs) == pytest.approx((2 / 3 + 2 / 5) / 2)
    # Three 4-grams of characters, the third equals the first; the other outputs repeat none.
    assert corpus(repetition(), pairs) == pytest.approx((1 / 3) / 4)


def test_per_label_f1_is_one_metric_a_label_and_wrong_kinds_are_refused():
    names = [metric.name for metric in choose_metrics(["label_f1", "mcc"], "classification", ["no", "yes"])]
    assert names == ["f1[no]", "f1[yes]", "mcc"]
    assert choose_metrics(["f1[yes]"], "classification", ["no", "yes"])[0].name == "f1[yes]"
    for name in ("bleu", "f1[maybe]"):
        with pytest.raises(UserError, match="does not fit a classification task"):
            choose_metrics([name], "classification", ["no", "yes"])
