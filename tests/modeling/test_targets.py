"""Units, windows, thresholds and answers: nothing is lost, and figures are those of a plain search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from textmill.modeling.framing import frame, unit_tokens, windows
from textmill.modeling.questions import Window, best_answers, best_span, question_windows
from textmill.modeling.targets import (
    Answer,
    Span,
    joined,
    read_answers,
    read_labels,
    read_spans,
    shown,
    units,
    write_answers,
    write_labels,
    write_tags,
)
from textmill.modeling.thresholds import best_thresholds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mr. Li lives in 北京市.", ["Mr", ".", "Li", "lives", "in", "北", "京", "市", "."]),
        ("1998年，约３０％的人", ["1998", "年", "，", "约", "３０", "％", "的", "人"]),
        ("don't e-mail  ", ["don", "'", "t", "e", "-", "mail"]),
        ("", []),
    ],
)
def test_units_are_characters_of_chinese_and_words_of_english(text: str, expected: list[str]) -> None:
    assert [text[begin:end] for begin, end in units(text)] == expected


def test_words_are_joined_as_their_scripts_are_written() -> None:
    text, places = joined(["江", "泽民", "visited", "New", "York", "（", "美国", "）", "."])
    assert text == "江泽民visited New York（美国）."
    assert [text[begin:end] for begin, end in places][:4] == ["江", "泽民", "visited", "New"]


def test_targets_are_read_as_they_were_written() -> None:
    assert read_labels(write_labels(["b", "a|c", "b", "中"])) == ["a|c", "b", "中"]
    spans = [Span("PER", 0, 2), Span("PER", 2, 3), Span("LOC", 4, 6)]
    tags = write_tags(spans, 7)
    assert tags == "B-PER I-PER B-PER O B-LOC I-LOC O" and read_spans(tags.split()) == spans
    answers = [Answer("in 1998", 4), Answer("1998", 7)]
    assert read_answers(write_answers(answers)) == answers
    assert shown("extraction", write_answers(answers)) == "in 1998 / 1998"
    assert (shown("extraction", "[]"), shown("multilabel", "[]")) == ("(no answer)", "(none)")


def test_windows_hold_every_item_and_never_more_than_fits() -> None:
    lengths = np.random.default_rng(1).integers(1, 9, 200).tolist()
    for room, overlap in ((20, 0), (20, 8), (9, 8), (3, 0)):
        found = list(windows(lengths, room, overlap))
        assert sorted({at for start, end in found for at in range(start, end)}) == list(range(200))
        assert all(sum(lengths[start:end]) <= room or end == start + 1 for start, end in found)
        shared = [sum(lengths[two[0] : one[1]]) for one, two in itertools.pairwise(found)]
        assert max(shared) <= overlap and (overlap < 8 or max(shared) > 0)


def test_thresholds_are_those_of_a_search_over_all() -> None:
    from sklearn.metrics import f1_score

    random = np.random.default_rng(3)
    scores = np.round(random.random((60, 5)), 1)
    gold = random.random((60, 5)) < scores
    gold[:, 3] = False
    found = best_thresholds(scores, gold)
    assert found[3] == 0.5
    for label in (0, 1, 2, 4):
        tried = [f1_score(gold[:, label], scores[:, label] >= value) for value in np.arange(-0.05, 1.1, 0.1)]
        assert f1_score(gold[:, label], scores[:, label] >= found[label]) == pytest.approx(max(tried))


def test_the_best_span_is_that_of_a_search_over_all() -> None:
    random = np.random.default_rng(5)
    for _ in range(50):
        starts, ends = random.normal(size=(2, 12))
        allowed = [
            (starts[first] + ends[last], first, last)
            for first in range(12)
            for last in range(first, min(12, first + 4))
        ]
        assert best_span(starts, ends, 4) == pytest.approx(max(allowed))


def test_no_answer_is_made_of_two_windows() -> None:
    """A high start in one window and a high end in the next are no answer."""
    one = Window(0, [1, 7, 2, 10, 11], 3, [(0, 3), (4, 7)])
    two = Window(0, [1, 7, 2, 12, 13], 3, [(8, 11), (12, 15)])
    starts = [np.array([0, 0, 0, 9.0, 0]), np.array([0, 0, 0, 1.0, 0])]
    ends = [np.array([0, 0, 0, 0, -9.0]), np.array([0, 0, 0, 1.0, 9.0])]
    score, begin, end = best_answers(zip((one, two), starts, ends, strict=True), 1, 10)[0]
    assert (score, begin, end) == (10.0, 8, 15)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    from transformers import AutoTokenizer

    from textmill.tokenization.bpe import assemble
    from textmill.tokenization.directory import save_tokenizer

    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(assemble([("ä", "¸"), ("ä¸", "Ń"), ("a", "b"), ("Ġ", "ab")]), folder, "encoder", 64)
    return AutoTokenizer.from_pretrained(folder)


def test_every_unit_has_tokens_of_its_own(tokenizer) -> None:
    text = "ab 中中 ab.\u200b"
    found = unit_tokens(tokenizer, [text, ""])
    assert found[1] == [] and len(found[0]) == len(units(text)) and all(found[0])
    assert tokenizer.decode([one for ids in found[0] for one in ids]) == text


def test_windows_of_a_question_cover_its_context_and_find_the_answer_again(tokenizer) -> None:
    context = "ab 中 " * 40 + "in the year 1998 " + "ab 中 " * 40
    answer = Answer("1998", context.index("1998"))
    found = question_windows(tokenizer, [f"when 中?\n{context}", "no?\n"], 64)
    own = [window for window in found if window.row == 0]
    assert len(own) > 3 and len(found) == len(own) + 1
    before, after = frame(tokenizer)
    for window in own:
        assert len(window.ids) <= 64 and window.ids[: len(before)] == before
        assert window.ids[len(window.ids) - len(after) :] == after
        for at, (begin, end) in enumerate(window.places):
            assert context[begin:end] in ("", tokenizer.decode([window.ids[window.first + at]]), "中")
    spans = [(window, window.span(answer)) for window in own]
    whole = [(window, span) for window, span in spans if span != (0, 0)]
    assert whole
    for window, (first, last) in whole:
        assert tokenizer.decode(window.ids[first : last + 1]).strip() == "1998"
    assert own[0].span(answer) == (0, 0) == own[0].span(None)
