"""Tokens and n-grams of batches against their definition, one document at a time."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings
from textmill.corpus.shingle_sets import ShingleSets, ShingleSpool
from textmill.corpus.shingles import Tokens, distinct, ngrams, ngrams_by_size, same_ngrams, slices, tokens

ALONE = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
TOKEN = regex.compile(rf"{ALONE}|[\p{{L}}\p{{M}}\p{{N}}--{ALONE}]+", regex.V1)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*docstrings(200), *NOVEL]),
        st.text("aB1_é\u0301e .,中文国がﬁ\n　ａ", max_size=40),
        st.none(),
    ),
    max_size=12,
)


def words_of(batch: Tokens) -> list[list[str]]:
    """The tokens as strings, document by document."""
    flat = [
        "".join(map(chr, batch.codes[start:end]))
        for start, end in zip(batch.starts[:-1], batch.starts[1:], strict=True)
    ]
    return [flat[start:end] for start, end in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]


def expected_words(text: str | None) -> list[str]:
    return TOKEN.findall(unicodedata.normalize("NFKC", text or "").lower())


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_tokens_are_words_and_single_han_characters(texts):
    ours = words_of(tokens(pa.array(texts, pa.large_string())))
    assert ours == [expected_words(text) for text in texts]


def test_a_word_does_not_continue_in_the_next_document():
    assert words_of(tokens(pa.array(["mill", "stone", "", "磨", "坊"]))) == [
        ["mill"],
        ["stone"],
        [],
        ["磨"],
        ["坊"],
    ]


def test_a_slice_of_an_array_gives_its_own_tokens():
    whole = pa.array(["zero nil", "one two", "three"], pa.large_string())
    assert words_of(tokens(whole.slice(1, 1))) == [["one", "two"]]


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 6), st.booleans())
def test_ngrams_have_equal_hashes_exactly_when_they_are_equal(texts, size, shorter):
    batch = tokens(pa.array(texts, pa.large_string()))
    found = ngrams(batch, size, shorter)
    expected = []
    for words in map(expected_words, texts):
        grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
        if shorter and 0 < len(words) < size:
            grams = [tuple(words)]
        expected.append(grams)
    assert np.diff(found.offsets).tolist() == [len(grams) for grams in expected]
    by_hash = dict(zip(found.hashes.tolist(), (gram for grams in expected for gram in grams), strict=True))
    assert [by_hash[value] for value in found.hashes.tolist()] == [
        gram for grams in expected for gram in grams
    ]
    assert len(by_hash) == len(set(by_hash.values()))
    hashes, offsets = distinct(found)
    for number, grams in enumerate(expected):
        part = hashes[offsets[number] : offsets[number + 1]]
        assert {by_hash[value] for value in part.tolist()} == set(grams)
        assert (np.diff(part.astype(object)) > 0).all()


def test_ngrams_of_each_size_equal_those_of_the_size_alone():
    batch = tokens(pa.array([*docstrings(30), *NOVEL, "short"], pa.large_string()))
    for size, found in enumerate(ngrams_by_size(batch, 3, 9), start=3):
        alone = ngrams(batch, size)
        for name in ("hashes", "first", "lengths", "offsets"):
            assert np.array_equal(getattr(found, name), getattr(alone, name))


def test_confirmation_looks_at_the_characters():
    one = tokens(pa.array(["the mill grinds", "a b c"]))
    other = tokens(pa.array(["them ill grinds the mill grinds", "a b d"]))
    first, other_first = np.array([0, 0, 3, 3]), np.array([3, 0, 6, 6])
    equal = same_ngrams(one, first, other, other_first, np.array([3, 3, 3, 2]))
    assert equal.tolist() == [True, False, False, True]


def test_slices_hold_every_row_once_and_bounded_text():
    texts = ["x" * size for size in (10, 2000, 10, 10, 0, 600, 600)]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    parts = [part.column("text").to_pylist() for part in slices(batch, most_bytes=1000)]
    assert [text for part in parts for text in part] == texts
    assert all(len(part) == 1 or sum(map(len, part)) <= 1000 for part in parts)


def test_hashes_do_not_change_between_releases():
    """Clusters would move with them; a change must be meant."""
    batch = tokens(pa.array(["The mill grinds 麦子"]))
    assert batch.hashes.tolist() == [
        9961999137711059883,
        14494523650907483812,
        12989192490684112468,
        6472427096969100236,
        6182478528432370611,
    ]


def test_similarities_are_those_of_python_sets_whatever_the_sizes(tmp_path):
    chosen = np.random.default_rng(3)
    sizes = np.array([0, 1, 2, 15, 16, 17, 32, 33, 64, 65, 128, 129, 255, 256, 257, 700, 3000])
    # Few different values, so that sets share many and hold repetitions.
    parts = [chosen.integers(0, 2 * size + 3, size).astype(np.uint64) << np.uint64(40) for size in sizes]
    pairs = np.array([(one, other) for other in range(len(sizes)) for one in range(other + 1)])
    with ShingleSpool(tmp_path) as spool:
        for part in parts:
            spool.append(part)
        begin = np.cumsum(sizes) - sizes
        found = ShingleSets([spool.sealed()], np.zeros(len(sizes), np.int64), begin, sizes).jaccard(pairs)
    sets = [set(part.tolist()) for part in parts]
    assert found.tolist() == [
        len(sets[one] & sets[other]) / max(len(sets[one] | sets[other]), 1) for one, other in pairs.tolist()
    ]
