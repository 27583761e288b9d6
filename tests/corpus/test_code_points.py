"""Normalised characters and digests of batches against their definition, one document at a time."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings
from textmill.corpus.code_points import SPACE, characters, text_digests

TEXTS = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.text("aB é\u0301\u0323각\u1100\u1161\u11a8ﬁ…½　İ\u00a0\n中", max_size=20),
        st.sampled_from([*docstrings(100), *NOVEL]),
        st.none(),
    ),
    max_size=10,
)


def lowered(letter: str) -> str:
    """Simple lower case; İ is the one letter whose full lower case has two."""
    return letter.lower() if letter != "İ" else "i"


def definition(text: str | None) -> str:
    plain = "".join(map(lowered, unicodedata.normalize("NFKC", text or "")))
    return "".join(" " if letter.isspace() else letter for letter in plain)


def strings(texts: list[str | None]) -> list[str]:
    found = characters(pa.array(texts, pa.large_string()))
    assert len(found) == len(texts)
    assert ((found.kinds == SPACE) == (found.codes == 0x20)).all()
    bounds = found.offsets.tolist()
    return ["".join(map(chr, found.codes[start:end])) for start, end in pairwise(bounds)]


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_texts_are_in_nfkc_and_lower_case(texts):
    assert strings(texts) == [definition(text) for text in texts]


def test_every_character_alone_and_after_every_kind_of_base():
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    letters = [letter for letter in letters if unicodedata.category(letter) != "Cn"]
    letters = [*letters[:40_000], *letters[40_000::23]]
    for before in ("", "e", "가", "क"):
        texts = [before + letter for letter in letters]
        for text, ours in zip(texts, strings(texts), strict=True):
            assert ours == definition(text), (text, ours)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_digests_are_equal_exactly_when_texts_are_but_for_white_space(texts):
    texts = [*texts, *(f" {text}\n" for text in texts if text), *(f"{text}." for text in texts if text)]
    digests = text_digests(characters(pa.array(texts, pa.large_string())))
    plain = [re.sub(" +", " ", definition(text)).strip(" ") for text in texts]
    assert len(set(digests)) == len(set(zip(digests, plain, strict=True))) == len(set(plain))


@pytest.mark.parametrize("places", [[], [0], [1, 3], [0, 1, 2, 3, 4]])
def test_some_of_the_documents(places):
    texts = ["The mill", None, "磨坊", "e\u0301…", ""]
    chosen = np.isin(np.arange(5), places)
    found = characters(pa.array(texts, pa.large_string())).of(chosen)
    alone = characters(
        pa.array([text for text, each in zip(texts, chosen, strict=True) if each], pa.large_string())
    )
    for name in ("codes", "kinds", "offsets"):
        assert np.array_equal(getattr(found, name), getattr(alone, name))
