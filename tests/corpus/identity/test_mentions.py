"""Finding terms, against plain reference implementations."""

import re
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.corpus.identity.characters import CharacterFinder
from textmill.corpus.identity.lexicon import FOLDER, LANGUAGES, PACKAGED_FILES, build_lexicon, load_lexicon
from textmill.corpus.identity.mentions import blocks
from textmill.corpus.identity.words import WordFinder
from textmill.errors import UserError

ENGLISH = build_lexicon(
    "en",
    {
        "gender": {"female": ["she", "black woman", "woman"], "male": ["he", "man"]},
        "ethnicity": {"black": ["black woman", "african american"]},
    },
    {"valence": {"pleasant": ["kind"], "unpleasant": ["cruel"]}},
    ["man page", "no man s land"],
)
CHINESE = build_lexicon(
    "zh",
    {"gender": {"female": ["她", "女人", "女儿"], "male": ["他", "男人"]}},
    {"valence": {"pleasant": ["善良"], "unpleasant": ["邪恶"]}},
    ["其他", "他们"],
)


def texts(*values):
    return pa.array(values, pa.large_string())


def found(finder, *values):
    mentions = finder.find(texts(*values))
    document = mentions.document[mentions.sentence]
    return [(int(d), finder.lexicon.terms[t]) for d, t in zip(document, mentions.term, strict=True)]


def reference_words(text, lexicon):
    """Left to right over the words, longest phrase first."""
    # A curly apostrophe joins words as a straight one does; other wide punctuation parts them.
    spaced = re.sub(r"[\u2000-\u207f\u3000-\u303f\uff00-\uff3f]", "  ", text.replace("’", "'"))
    words = [
        (m.group().lower(), m.start(), m.end())
        for m in re.finditer(r"(?:[A-Za-z0-9_]|[^\x00-\x7f])+", spaced)
    ]
    hits, place = [], 0
    while place < len(words):
        for size in (3, 2, 1):
            run = words[place : place + size]
            apart = all(b[1] - a[2] == 1 for a, b in pairwise(run))
            if len(run) == size and apart and " ".join(word for word, _, _ in run) in lexicon.terms:
                hits.append(" ".join(word for word, _, _ in run))
                place += size
                break
        else:
            place += 1
    return hits


def reference_characters(text, lexicon):
    hits, place = [], 0
    while place < len(text):
        size = next((size for size in (4, 3, 2, 1) if text[place : place + size] in lexicon.terms), 0)
        if size:
            hits.append(text[place : place + size])
        place += size or 1
    return hits


def test_words_are_whole_and_case_does_not_matter():
    assert found(WordFinder(ENGLISH), "She sheds; the human WOMAN, he/she_x", "the mane") == [
        (0, "she"),
        (0, "woman"),
        (0, "he"),
    ]


def test_contractions_straight_and_curly():
    assert found(WordFinder(ENGLISH), "she's here, he’s there—man") == [(0, "she"), (0, "he"), (0, "man")]


def test_a_phrase_uses_up_its_words_and_may_stand_in_two_axes():
    finder = WordFinder(ENGLISH)
    assert found(finder, "A Black woman spoke. African-American, the man page.") == [
        (0, "black woman"),
        (0, "african american"),
        (0, "man page"),
    ]
    number = ENGLISH.terms.index("black woman")
    assert [ENGLISH.groups[i] for i in np.flatnonzero(ENGLISH.in_group[number])] == [
        ("gender", "female"),
        ("ethnicity", "black"),
    ]


def test_the_order_of_words_matters():
    assert found(WordFinder(ENGLISH), "woman black", "page man") == [(0, "woman"), (1, "man")]


def test_a_phrase_ends_with_its_document_and_at_punctuation():
    assert found(WordFinder(ENGLISH), "so black", "woman", "black, woman") == [(1, "woman"), (2, "woman")]


def test_chinese_takes_the_longest_and_spares_other_meanings():
    assert found(CharacterFinder(CHINESE), "他说其他人和他们都好", "她女儿善良。") == [
        (0, "他"),
        (0, "其他"),
        (0, "他们"),
        (1, "她"),
        (1, "女儿"),
        (1, "善良"),
    ]


def test_a_chinese_term_ends_with_its_document():
    assert found(CharacterFinder(CHINESE), "女", "人他") == [(1, "他")]


WORDS = st.sampled_from(
    ["she", "he", "black", "woman", "man", "page", "no", "s", "land", "Kind", "tree", "是", "’", "."]
)
GAPS = st.sampled_from([" ", "  ", "-", "\n", ", ", "", "’"])


@given(st.lists(st.lists(st.tuples(WORDS, GAPS), max_size=12), max_size=6))
@settings(max_examples=300)
def test_english_equals_a_plain_reader(documents):
    values = ["".join(word + gap for word, gap in document) for document in documents]
    expected = [(i, term) for i, text in enumerate(values) for term in reference_words(text, ENGLISH)]
    assert found(WordFinder(ENGLISH), *values) == expected


@given(st.lists(st.text(alphabet="他她其们女人儿男善良邪恶好a。\n😀", max_size=20), max_size=6))
@settings(max_examples=300)
def test_chinese_equals_a_plain_reader(values):
    expected = [(i, term) for i, text in enumerate(values) for term in reference_characters(text, CHINESE)]
    assert found(CharacterFinder(CHINESE), *values) == expected


@pytest.mark.parametrize(
    ("finder", "text", "units"),
    [
        (WordFinder(ENGLISH), "She is v1.5 kind. He left!\nAn end", [5, 2, 0, 2]),
        (CharacterFinder(CHINESE), "她很善良。他 ok 吗？好", [4, 2, 1]),
    ],
)
def test_sentences_and_their_length(finder, text, units):
    mentions = finder.find(texts("", text, ""))
    assert [int(n) for n in mentions.units if n] == [n for n in units if n]
    assert set(mentions.document.tolist()) == {1}
    assert mentions.documents == 3


def test_sentences_keep_mentions_apart():
    mentions = WordFinder(ENGLISH).find(texts("She is kind. He is cruel.", "A man"))
    assert mentions.sentence[0] == mentions.sentence[1] != mentions.sentence[2] == mentions.sentence[3]
    assert mentions.document[mentions.sentence].tolist() == [0, 0, 0, 0, 1]


@given(st.lists(st.text(max_size=30), max_size=12), st.integers(1, 60), st.integers(0, 4))
def test_blocks_hold_every_document_once(values, size, skip):
    array = texts(*values).slice(min(skip, len(values)))
    runs = list(blocks(array, size))
    assert [text for _, run in runs for text in run.to_pylist()] == array.to_pylist()
    assert all(len(run) == 1 or sum(len(t.encode()) for t in run.to_pylist()) <= size for _, run in runs)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_of_the_lexicons_can_be_found(language):
    lexicon = load_lexicon(language)
    finder = (CharacterFinder if language == "zh" else WordFinder)(lexicon)
    assert found(finder, *lexicon.terms) == list(enumerate(lexicon.terms))
    assert lexicon.in_group.any(axis=0).all() and lexicon.in_attribute.any(axis=0).all()
    # A term that names a group must not at once carry an attribute: it would be near itself.
    assert not (lexicon.in_group.any(axis=1) & lexicon.in_attribute.any(axis=1)).any()


def test_every_lexicon_is_declared_so_that_a_change_makes_the_stage_stale():
    assert sorted(PACKAGED_FILES) == sorted(f"lexicons/{path.name}" for path in FOLDER.iterdir())
    with pytest.raises(UserError, match="no lexicon for 'xx'; there are lexicons for en, zh"):
        load_lexicon("xx")
