"""Lines that rules cut: C4's are datatrove's, furniture goes and prose stays, and what is left is clean."""

import numpy as np
import pytest
from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings
from tests.corpus.signals.boundaries import CHINESE, ENGLISH, mutated, swept
from tests.corpus.signals.datatrove_peer import Words, measured
from textmill.config.annotate import Annotate, LineRules
from textmill.corpus.signals import line_rules
from textmill.corpus.spans import CUT_LINES, cut, merged

C4 = LineRules(c4=True, citations=True)
ALL = LineRules(c4=True, citations=True, boilerplate=True)
FURNITURE = LineRules(boilerplate=True)


def spans(texts, rules, language="en"):
    return measured(texts, [language] * len(texts), Annotate(families=[], line_rules=rules))["cut_lines"]


def after(texts, rules, language="en"):
    left = []
    for text, found in zip(texts, spans(texts, rules, language).to_pylist(), strict=True):
        start = np.array([span["start"] for span in found], np.int64)
        end = np.array([span["end"] for span in found], np.int64)
        assert (start >= 0).all() and (start < end).all() and (end <= len(text)).all()
        _, start, end = merged(np.zeros(len(start), np.int64), start, end)
        left.append(cut(text, start, end))
    return left


def lines_of(text):
    return [line.strip() for line in text.split("\n") if line.strip()]


def test_lines_left_are_those_that_datatrove_leaves():
    real = list(docstrings())
    texts = [text for _, language, text in swept() if language == "en"] + real + mutated(real, seed=3)
    # Pages are never dropped, so that every line of every document is compared.
    theirs = C4QualityFilter(
        language=Words(), min_num_sentences=-1, filter_curly_bracket=False, filter_lorem_ipsum=False
    )
    same = total = 0
    for text, ours in zip(texts, after(texts, C4), strict=True):
        if "lorem ipsum" in text.lower():
            continue  # there the page is dropped, here the line is cut too
        document = Document(text=text, id="")
        assert theirs.filter(document) is True
        total += 1
        same += lines_of(ours) == lines_of(document.text)
    assert total > 3000 and same / total >= 0.999, (same, total)


@pytest.mark.parametrize(
    "line",
    [
        "Home",
        "« Previous page",
        "Next →",
        "Skip to main content",
        "Read more",
        "Continue reading this story…",
        "Click here to subscribe to our newsletter.",
        "Share on Facebook",
        "Facebook | Twitter | LinkedIn",
        "© 2019 Example Media Ltd. All rights reserved.",
        "Related articles",
        "You may also like",
        "12 comments",
        "Leave a reply",
        "Posted on March 3, 2014 by admin",
        "Advertisement",
        "Log in",
        "Tags: mills, rivers",
        "首页",
        "返回顶部",
        "上一篇：春天来了",
        "点击查看全文",
        "阅读全文",
        "分享到微信",
        "扫一扫关注我们",
        "版权所有 © 2020 某某网",
        "未经授权，不得转载。",
        "京ICP备12345678号",
        "相关阅读",
        "猜你喜欢",
        "发表评论",
        "责任编辑：王小明",
        "来源：新华网",
        "欢迎关注我们的微信公众号",
        "点赞 收藏 评论",
    ],
)
def test_furniture_goes(line):
    assert after([f"{ENGLISH[0]}\n{line}\n{CHINESE[0]}"], FURNITURE) == [f"{ENGLISH[0]}\n{CHINESE[0]}"]


@pytest.mark.parametrize(
    "line",
    [
        "Home is where the mill stands, and nobody there reads more than the almanac.",
        "She asked him to click here and there until the lock gave way.",
        "The copyright of the song was never settled between the brothers.",
        "Next morning the river had risen.",
        "He wrote a comment in the margin.",
        "The search went on all night.",
        "我们在首页上看到了这条消息，于是立刻动身。",
        "他点了点头，说这里的水很深。",
        "未经允许他就把船划走了，村里的人都很生气。",
        "这本书的版权归谁所有，兄弟俩一直没有谈妥。",
        "关注天气的人都知道，今晚有雪。",
    ],
)
def test_prose_that_mentions_it_stays(line):
    text = f"{ENGLISH[0]}\n{line}"
    assert after([text], FURNITURE) == [text]


def test_prose_and_documentation_lose_next_to_nothing():
    texts = [*ENGLISH, *CHINESE, *NOVEL]
    assert after(texts, FURNITURE) == texts
    code = list(docstrings())
    lost = sum(
        len(lines_of(text)) - len(lines_of(left))
        for text, left in zip(code, after(code, FURNITURE), strict=True)
    )
    assert lost <= 0.001 * sum(len(lines_of(text)) for text in code)


def test_chinese_lines_are_measured_in_characters():
    text = "他说：“知道了。”\n首页 产品 新闻\n却说曹操引兵追赶，忽然山后鼓声大作。\n好。\n未完待续……"
    assert after([text], C4, "zh") == ["他说：“知道了。”\n却说曹操引兵追赶，忽然山后鼓声大作。"]


def test_one_blank_line_stays_between_paragraphs():
    keep, drop = "It is a line that stays.", "not a sentence"
    cases = {
        f"{drop}\n{keep}": keep,
        f"{keep}\n{drop}": keep,
        f"{keep}\n\n{drop}\n\n{keep}": f"{keep}\n\n{keep}",
        f"{keep}\n{drop}\n{keep}": f"{keep}\n{keep}",
        f"{keep}\n{drop}\n\n{keep}": f"{keep}\n\n{keep}",
        f"{keep}\n\n\n{keep}\n{drop}": f"{keep}\n\n\n{keep}",
        f"{drop}\n\n{keep}\n\n{drop}\n\n{drop}": keep,
        f"{drop}\n\n{drop}": "",
        drop: "",
        "": "",
        keep: keep,
        f"{keep[:-1]}[1][edit].\nAs said[2] it is so.": f"{keep}\nAs said it is so.",
    }
    assert after(list(cases), C4) == list(cases.values())


def test_offsets_count_code_points_and_name_their_rules():
    text = "😀😀 出发。\n😀 Use of cookies is needed here.\n走[1]了三天。"
    (found,) = spans([text], ALL).to_pylist()
    assert [text[span["start"] : span["end"]] for span in found] == [
        "😀 Use of cookies is needed here.\n",
        "[1]",
    ]
    assert [span["rule"] for span in found] == ["c4.policy", "c4.citation"]
    assert spans([text], ALL).type == CUT_LINES
    assert {f"c4.{rule}" for rule in ("long_word", "javascript")} <= set(line_rules.RULES)


def test_without_rules_there_is_no_column():
    assert "cut_lines" not in measured(["A text."], ["en"], Annotate()).column_names


LINES = st.sampled_from(
    [
        "It is a line that stays.",
        "no end",
        "",
        "  ",
        "Home",
        "© 2001 A. B.",
        "走了三天。[3]",
        "He said so [4].",
        "[1]",
        "版权所有",
    ]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(LINES, max_size=9).map(lambda lines: "\n".join(lines).strip()), min_size=1, max_size=5)
)
def test_what_is_left_holds_nothing_to_cut_and_every_line_that_stays(texts):
    left = after(texts, ALL)
    for text, once in zip(texts, left, strict=True):
        assert "It is a line that stays." not in text or once.count("stays") == text.count("stays")
        assert "no end" not in once and "Home" not in once and "版权" not in once and "[" not in once
        if once != text:
            assert not once.startswith("\n") and not once.endswith("\n")
    again = [text for text, once in zip(left, after(left, ALL), strict=True) if text != once]
    assert not again
