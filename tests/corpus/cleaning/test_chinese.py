"""Traditional Chinese becomes simplified where it is asked for, and only Chinese does."""

import builtins
import json
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.config.clean import Clean
from textmill.corpus.cleaning import chinese
from textmill.corpus.cleaning.chinese import to_simplified
from textmill.corpus.cleaning.pipeline import READS, cleaner
from textmill.errors import UserError

TRADITIONAL = "話說天下大勢，分久必合，合久必分。周末七國分爭，並入於秦；頭髮、發財、乾隆皇帝。"
SIMPLIFIED = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦；头发、发财、乾隆皇帝。"


def cleaned(texts, languages=None, **options):
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(texts, pa.large_string()),
            pa.array(languages or [""] * len(texts), pa.string()),
            pa.array([json.dumps({})] * len(texts)),
        ],
        schema=READS,
    )
    return cleaner(Clean(**options))(batch)


def test_documents_in_chinese_are_simplified_on_request():
    japanese = "東京都の図書館では、學生が靜かに本を讀んでいます。とても廣いです。"
    english = (
        "The sign at the gate of the old mill said 磨坊開門 in large gold letters, and nobody could read it."
    )
    texts = [TRADITIONAL, SIMPLIFIED, japanese, english, "打電話13800138000給李先生，謝謝您的來信"]
    assert cleaned(texts).column("text").to_pylist()[:4] == texts[:4]
    result = cleaned(texts, simplified=True)
    assert result.column("text").to_pylist() == [
        SIMPLIFIED, SIMPLIFIED, japanese, english, "打电话<PHONE>给李先生，谢谢您的来信",
    ]  # fmt: skip
    assert result.column("lang").to_pylist() == ["zh", "zh", "ja", "en", "zh"]
    assert result.column("pii_phone").to_pylist() == [0, 0, 0, 0, 1]
    again = cleaned(result.column("text").to_pylist(), simplified=True)
    assert again.column("text") == result.column("text")


def test_words_that_only_their_simplified_form_gives_away_are_seen():
    # 8.8.4.4 might be a version, but for the word for server before it.
    assert cleaned(["這台服務器8.8.4.4已經壞了"], ["zh"], simplified=True).column("text").to_pylist() == [
        "这台服务器<IP>已经坏了"
    ]


def test_everything_but_chinese_characters_stays():
    others = [chr(code) for code in range(sys.maxunicode) if not 0xD800 <= code < 0xE000]
    others = [
        each
        for each in others
        if not ("\u2e80" <= each <= "\u9fff" or "\uf900" <= each <= "\ufaff" or each >= "\U00020000")
    ]
    text = "".join(others)
    assert to_simplified(text) == text


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.sampled_from("a \n，。0乾著麼後於"),
        max_size=40,
    )
)
def test_simplified_text_stays_as_it_is(text):
    once = to_simplified(text)
    assert to_simplified(once) == once and len(once) == len(text)


def test_without_the_package_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "opencc":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    chinese._converter.cache_clear()
    with pytest.raises(UserError, match=r"clean\.simplified needs .*textmill\[chinese\]"):
        to_simplified("話")
    chinese._converter.cache_clear()
