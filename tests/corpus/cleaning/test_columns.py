"""Cleaning a column gives what cleaning text by text gives, whatever the clues leave out."""

import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.cleaning.planted import planted
from textmill.config.clean import Clean, Pii
from textmill.corpus.cleaning import clean, unicode
from textmill.corpus.cleaning.columns import clean_column, mask_column
from textmill.corpus.cleaning.pii import KINDS, TYPES, find

OPTIONS = [
    Clean(),
    Clean(entities=True, full_width="all", pii=Pii(email="count", phone="count", credit_card="ignore")),
    Clean(mojibake=False, html=False, full_width="keep", pii=Pii(**dict.fromkeys(TYPES, "count"))),
]

PIECES = st.sampled_from(
    [
        "Ã©",
        "â€™",
        "Ã",
        " Â ",
        "à²",
        "œ",
        "ВЂ",
        "×²",
        "&amp;",
        "&lt;",
        "<p>",
        "</p>",
        "<html>",
        "\r",
        "\n",
        " \n",
        "\t",
        "\u3000",
        "\x00",
        "\x85",
        "\xa0",
        "\x1c",
        "ａ",
        "１",
        "，",
        "！",
        "中文",
        "e\u0301",
        "\u0301",
        "\u0915\u093c",
        "\u1112\u1161\u11ab",
        "\u2126",
        "\u0374",
        "ﬁ",
        "\x1b[0m",
        "user@example.com",
        "a@b.c.d.org",
        "@",
        "+86 13800138000",
        "手机",
        "1380013",
        "8000",
        "电话",
        "91.198.174.192",
        ".",
        "2620:0:861:ed1a::1",
        "4111 1111 1111 1111",
        "4111111111111111",
        "card ",
        "11010519491231002X",
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "http://",
        "a:b@",
        "?token=abcdef123",
        "AKIAIOSFODNN7EXAMPLE",
        "sk-" + "a1" * 12,
        "-----BEGIN PRIVATE KEY-----" + "A" * 20 + "-----END PRIVATE KEY-----",
        "-",
        "_",
        "(010) 62781234",
        "(415) 555-2671",
        "call 4155552671",
        "aws_secret_access_key=" + "a" * 40,
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.lists(PIECES | st.text(st.characters(codec="utf-8"), max_size=6), max_size=10).map("".join),
        max_size=6,
    )
)
def test_a_column_is_cleaned_like_its_texts(texts):
    for options in OPTIONS:
        cleaned, counts = clean_column(pa.array(texts, pa.large_string()), options)
        expected = [clean(text, options) for text in texts]
        assert cleaned.to_pylist() == [each.text for each in expected]
        assert counts.tolist() == [list(each.found) for each in expected]


def test_every_planted_item_has_a_clue():
    texts = [case.text for case in planted(seed=7, per_type=120, per_look_alike=10)]
    column = pa.array(texts, pa.large_string())
    for kind in KINDS:
        clues = pc.match_substring_regex(column, kind.clue).to_pylist()
        found = [bool(find(text, [kind])) for text in texts]
        assert any(found) and not [
            text for text, here, clue in zip(texts, found, clues, strict=True) if here > clue
        ]
        assert sum(clues) < len(texts) / 3
    _, counts = mask_column(column, Pii())
    assert counts.sum() == sum(len(find(text)) for text in texts)


@pytest.mark.parametrize("full_width", ["keep", "letters", "all"])
def test_characters_without_a_clue_are_left_alone_in_any_company(full_width):
    everything = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    around = pa.array([f"a{character}b" for character in everything], pa.large_string())
    clues = pc.match_substring_regex(around, unicode.normal_clue(full_width)).to_numpy(zero_copy_only=False)
    plain = [everything[place] for place in np.flatnonzero(~clues)]
    assert len(plain) > 100_000
    text = "a".join(plain) + "a"
    assert unicode.normalize(text, full_width) == text
    # None composes with one before it, and none is reordered.
    seconds = {
        decomposed[1]
        for character in everything
        if len(decomposed := unicodedata.normalize("NFD", character)) > 1
    }
    assert not seconds & set(plain)
    assert not [character for character in plain if unicodedata.combining(character)]
