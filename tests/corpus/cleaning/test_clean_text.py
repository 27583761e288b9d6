"""What cleaning does to real damage, in English and Chinese; doing it twice changes nothing."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.config.clean import Clean
from textmill.corpus.cleaning import clean_text


@pytest.mark.parametrize(
    ("damaged", "expected"),
    [
        ("The cafÃ© is schÃ¶n â€” really.", "The café is schön — really."),
        ("ä¸\xadæ–‡", "中文"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("nul\x00l and bell\x07", "null and bell"),
        ("\x1b[31mred\x1b[0m text", "red text"),
        ("\ufeffbyte order mark, soft\xadhyphen, zero\u200bwidth", "byte order mark, softhyphen, zerowidth"),
        ("admin\u202egnp.exe", "admingnp.exe"),
        ("a\xa0b\u2003c", "a b c"),
        ("ﬁne oﬃce", "fine office"),
        ("e\u0301cole", "école"),
        ("trailing  \t\nspaces \n", "trailing\nspaces"),
        ("para one\n\n\n \n\npara two", "para one\n\npara two"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("\u3000\u3000却说曹操大惊。\n\u3000\u3000次日升帐。", "却说曹操大惊。\n次日升帐。"),
        ("共１２３人，ＡＢＣ", "共123人，ABC"),
    ],
)
def test_repairs(damaged, expected):
    assert clean_text(damaged) == expected


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    if x:\n        return 1\n\n    return 0",
        "A: hi\nB: hello :)\nA: how r u??",
        "name    size\n----    ----\na       1",
        "他说：“你好，世界！”……（笑）——《三国演义》",
        "“Curly quotes,” she said — and it’s fine…",
        "x &lt; y and a < b",
        "naïve café, Ångström, Привет, مرحبا, नमस्ते, 👩‍👩‍👧",
        "first\n\nsecond",
    ],
)
def test_keeps_what_is_content(text):
    assert clean_text(text) == text


@pytest.mark.parametrize(
    ("escaped", "expected"),
    [
        ("Ben &amp; Jerry&#39;s &amp;amp; co", "Ben & Jerry's & co"),
        ("中文&hellip;&nbsp;&#x4e2d;", "中文… 中"),
        ("x &lt; y and a < b", "x &lt; y and a < b"),
        ("AT&T; R&D &unknown; & more", "AT&T; R&D &unknown; & more"),
    ],
)
def test_entities_are_replaced_on_request(escaped, expected):
    assert clean_text(escaped, Clean(entities=True)) == expected


def test_each_step_can_be_switched_off():
    off = Clean(mojibake=False)
    assert clean_text("schÃ¶n &amp; gut", off) == "schÃ¶n &amp; gut"
    assert clean_text("schÃ¶n &amp; gut") == "schön &amp; gut"
    page = "<html><body><p>Some text in a paragraph.</p></body></html>"
    assert clean_text(page, Clean(html=False)) == page


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("keep", "共１２３人，ＡＢＣ（甲）！"),
        ("letters", "共123人，ABC（甲）！"),
        ("all", "共123人,ABC(甲)!"),
    ],
)
def test_full_width_forms_are_a_choice(which, expected):
    assert clean_text("共１２３人，ＡＢＣ（甲）！", Clean(full_width=which)) == expected


PIECES = st.sampled_from(
    ["Ã©", "â€™", "&amp;", "&lt;", "amp;", "&#0;", "<p>", "</p>", "\r", "\n", " ", "\t", "\u3000", "\x00",
     "\x85", "\xa0", "ａ", "１", "，", "中文", "e\u0301", "\u0301", "\u200b", "user@example.com", "@", ".com",
     "+86 13800138000", "1380013", "8000", "91.198.", "174.192", "http://", "a:b@", "?token=", "abcdef123",
     "ﬁ", "\x1b[0m", "\ud83d", "\ude00", "<html>", "한", "\u1112\u1161\u11ab", "-", "(010)"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=8), max_size=16).map("".join))
def test_cleaning_twice_is_cleaning_once(text):
    for options in (Clean(), Clean(entities=True)):
        once = clean_text(text, options)
        assert clean_text(once, options) == once


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_result_is_normal_and_free_of_controls(text):
    cleaned = clean_text(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert cleaned == cleaned.rstrip() or cleaned.rstrip(" \t\n") == cleaned
    assert "\n\n\n" not in cleaned and " \n" not in cleaned
    cleaned.encode("utf-8")


@pytest.mark.parametrize(
    "unit", [" ", "a", "\t", "a@", "1.", "1", "::", "<!-- -->", "&amp;", "+1 ", "\n", "://a:"]
)
def test_hostile_repetition_takes_linear_time(unit):
    started = time.process_time()
    clean_text(unit * (200_000 // len(unit)) + "x")
    assert time.process_time() - started < 3
