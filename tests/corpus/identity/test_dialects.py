"""Varieties of English and Chinese, and the script of Chinese text."""

import opencc
import pyarrow as pa
import pytest

from textmill.corpus.identity.dialects import DialectFinder
from textmill.corpus.identity.scripts import _SIMPLIFIED, _TRADITIONAL


def shown(language, *texts):
    finder = DialectFinder(language)
    found = finder.find(pa.array(texts, pa.large_string()))
    return [{finder.names[column] for column in row.nonzero()[0]} for row in found]


def test_english_varieties_are_told_apart():
    assert shown(
        "en",
        "He be working late and she don't know, she ain't got nobody. We finna leave.",
        "Kindly do the needful. The budget of two lakh will be preponed.",
        "She realised that the theatre in the city centre was grey.",
        "She realized that the theater downtown was in the center.",
        "The weather was fine and we went home.",
        "",
    ) == [{"african_american"}, {"indian"}, {"british"}, {"american"}, set(), set()]


def test_one_word_is_no_evidence_and_mixed_spelling_is_neither():
    assert shown("en", "What a lovely colour.", "The colour of the theatre, its color and its theater.") == [
        set(),
        set(),
    ]


def test_curly_apostrophes_and_standard_be_are_understood():
    assert shown(
        "en", "He ain’t got no time and y’all be late.", "Should he be late, let it be. Will they be in?"
    ) == [
        {"african_american"},
        set(),
    ]


def test_written_cantonese_in_both_scripts_and_standard_chinese():
    assert shown(
        "zh",
        "佢話而家唔得閒，聽日先至過嚟開會啦。",
        "佢话而家唔得闲，你哋嘅书喺边度？",
        "他說現在沒有時間，明天纔會過來開會。",
        "他说现在没有时间，明天才会过来开会。",
        "天上有一朵白云。",
        "這個人說：这个人说",
    ) == [
        {"cantonese", "traditional"},
        {"cantonese", "simplified"},
        {"traditional"},
        {"simplified"},
        set(),
        set(),
    ]


def test_standard_words_that_hold_such_characters_are_not_cantonese():
    assert "cantonese" not in shown("zh", "他和老闆的關係很好，做事仔細，聯係了客戶，系统也很稳定。")[0]


@pytest.mark.parametrize(("table", "direction"), [(_TRADITIONAL, "t2s"), (_SIMPLIFIED, "s2t")])
def test_telling_characters_are_of_one_script_only(table, direction):
    converter = opencc.OpenCC(direction)
    characters = [chr(point) for point in table.nonzero()[0]]
    assert len(characters) > 350
    assert [one for one in characters if converter.convert(one) == one] == []


def test_what_a_converter_made_is_recognised():
    text = "我们在图书馆里学习历史和语言，老师说这对将来的工作很有帮助。"
    assert shown("zh", text, opencc.OpenCC("s2t").convert(text)) == [{"simplified"}, {"traditional"}]
