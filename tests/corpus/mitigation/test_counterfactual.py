"""Swapped copies: the grammar of English pronouns, whole Chinese words, ids that derive from others."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from textmill.config.mitigate import Counterfactual
from textmill.corpus.mitigation.counterfactual import FOLDER, PACKAGED_FILES, Augmenter, Swapper, copy_id
from textmill.corpus.shards import DOCUMENT
from textmill.errors import UserError

ENGLISH, CHINESE = Swapper("en"), Swapper("zh")
LISTED = {
    language: YAML(typ="safe").load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    for language in ("en", "zh")
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("She lost her keys.", "He lost his keys."),
        ("He lost his keys.", "She lost her keys."),
        ("I told her that he saw him.", "I told him that she saw her."),
        ("They met her in Rome, and her and me.", "They met him in Rome, and him and me."),
        ("The book is hers, not his.", "The book is his, not hers."),
        ("His is red; hers is blue.", "Hers is red; his is blue."),
        ("HER mother, Her Father", "HIS father, His Mother"),
        ("She hurt herself.", "He hurt himself."),
        ("He's here and she'll come", "She's here and he'll come"),
        ("Mr. Brown and his wife", "Mrs. Brown and her husband"),
        ("saw her\nin town; took his\nhat", "saw him\nin town; took her\nhat"),
        ("The king spoke to the Queen.", "The queen spoke to the King."),
    ],
)
def test_english_pronouns_follow_the_sentence(text, expected):
    assert ENGLISH(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Martin Luther King spoke to us.",
        "The man page of ls, the theme, there, sheets, ushers and human women_s",
        "Thank god it rained.",
        "Nothing to swap here.",
        "",
    ],
)
def test_english_words_that_speak_of_nobody_stay(text):
    assert ENGLISH(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("他的女儿和她的儿子", "她的儿子和他的女儿"),
        ("她们说，其他人喜欢吉他。", "他们说，其他人喜欢吉他。"),
        ("他们的父母", "他们的父母"),
        ("這位先生是她的父親", "這位女士是他的母親"),
        ("丈夫回家看妻子", "妻子回家看丈夫"),
    ],
)
def test_chinese_words_are_whole(text, expected):
    assert CHINESE(text) == expected


@given(st.lists(st.sampled_from([word for pair in LISTED["zh"]["pairs"] for word in pair]), max_size=8))
def test_chinese_pairs_swap_back(words):
    text = "，".join(words)
    assert CHINESE(CHINESE(text)) == text
    assert len(CHINESE(text).split("，")) == len(text.split("，"))


@given(
    st.lists(
        st.sampled_from([word for pair in LISTED["en"]["pairs"] for word in pair]), min_size=1, max_size=8
    ),
    st.sampled_from([str.lower, str.upper, str.capitalize]),
)
def test_english_pairs_swap_back_in_any_case(words, case):
    text = ", ".join(map(case, words))
    assert ENGLISH(text) != text and ENGLISH(ENGLISH(text)) == text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_word_has_two_counterparts(language):
    listed = LISTED[language]
    words = [word for pair in listed["pairs"] for word in pair] + list(listed["one_way"])
    assert len(words) == len(set(words))
    assert sorted(PACKAGED_FILES) == sorted(f"swaps/{path.name}" for path in FOLDER.iterdir())


def test_names_are_added_in_params_and_found_as_written():
    swapper = Swapper("en", [("John", "Mary"), ("Will", "Emma")])
    assert swapper("John will meet Emma, mary.") == "Mary will meet Will, mary."
    assert Swapper("zh", [("建国", "秀英")])("建国和他的父亲") == "秀英和她的母亲"
    with pytest.raises(UserError, match=r"pairs: 'he' is already swapped with 'she'"):
        Swapper("en", [("he", "they")])


def batch(*rows):
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, DOCUMENT, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)


def test_copies_derive_from_their_originals():
    documents = batch(
        ("a" * 32, "She left.", "book", "MIT", "en", '{"page": 3}'),
        ("b" * 32, "It rained.", "book", "MIT", "en", "{}"),
        ("c" * 32, "她走了。", "novel", "CC0-1.0", "zh", "not json"),
        ("d" * 32, "She left.", "chat", "MIT", "fr", "{}"),
    )
    augmenter = Augmenter(Counterfactual(languages=["en", "zh"]), 1)
    where, copies = augmenter.copies(documents)
    assert where.tolist() == [0, 2]
    assert copies["text"].to_pylist() == ["He left.", "他走了。"]
    assert copies["id"].to_pylist() == [copy_id("a" * 32), copy_id("c" * 32)]
    assert copies["source"].to_pylist() == ["book", "novel"]
    assert [json.loads(meta) for meta in copies["meta"].to_pylist()] == [
        {"page": 3, "counterfactual_of": "a" * 32},
        {"counterfactual_of": "c" * 32},
    ]
    again = Augmenter(Counterfactual(languages=["en", "zh"]), 99).copies(documents)[1]
    assert again.equals(copies)


def test_a_share_and_sources_choose_documents_by_id():
    rows = [(f"{n:032x}", "He left.", ("book", "chat")[n % 2], "MIT", "en", "{}") for n in range(400)]
    settings = Counterfactual(languages=["en"], share=0.25, sources=["book"])
    where, _ = Augmenter(settings, 1).copies(batch(*rows))
    assert 25 < len(where) < 75 and all(place % 2 == 0 for place in where)
    backwards, _ = Augmenter(settings, 1).copies(batch(*rows[::-1]))
    assert sorted(399 - place for place in backwards.tolist()) == where.tolist()
