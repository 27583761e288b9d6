"""Decisions and reasons equal datatrove's, which built FineWeb, where the thresholds are datatrove's."""

import json
from pathlib import Path

import pytest

from tests.corpus.curation_texts import docstrings
from tests.corpus.signals.boundaries import mutated, swept, words
from tests.corpus.signals.datatrove_peer import (
    FAMILIES,
    REASONS,
    Whitespace,
    Words,
    compare,
    decide,
    measured,
    settings,
)

GOLDEN = [
    json.loads(line)
    for line in Path(__file__).with_name("datatrove_golden.jsonl").read_text("utf-8").splitlines()[1:]
]
# datatrove's C4 filter splits words at spaces and knows ASCII punctuation alone: it keeps no Chinese.
COMPARED = [("en", family) for family in FAMILIES] + [("zh", each) for each in FAMILIES if each != "c4"]
ENOUGH = 0.999


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    return settings(tmp_path_factory.mktemp("datatrove"))


@pytest.mark.parametrize(("language", "family"), COMPARED)
def test_golden_decisions_at_the_thresholds(params, language, family):
    rows = [row for row in GOLDEN if row["lang"] == language]
    languages = [language] * len(rows)
    signals = measured([row["text"] for row in rows], languages, params[0])
    ours = decide(signals, languages, params[1])[family]
    wrong = [
        (row["family"], row[family], answer)
        for row, answer in zip(rows, ours, strict=True)
        if row[family] is not None and row[family] != answer
    ]
    assert len(wrong) <= (1 - ENOUGH) * len(rows), wrong


def test_the_golden_set_turns_every_rule():
    turned = {row[family] for row in GOLDEN for family in FAMILIES} - {"", None}
    assert turned == set(REASONS.values()) - {"gopher.max_words"}


@pytest.fixture(scope="module")
def english():
    real = list(docstrings())
    return [text for _, language, text in swept() if language == "en"] + real + mutated(real, seed=1)


def test_live_decisions_and_reasons_in_english(params, english):
    assert len(english) > 3000
    agreements = compare(english, ["en"] * len(english), *params, Words())
    for family, agreement in agreements.items():
        assert agreement.kept and agreement.documents - agreement.kept, family
        assert agreement.share >= ENOUGH and agreement.reason_share >= ENOUGH, (family, agreement.kinds)


def test_live_decisions_with_words_split_at_white_space(params):
    real = list(docstrings())
    texts = real + mutated(real, seed=2)
    for family, agreement in compare(texts, ["en"] * len(texts), *params, Whitespace()).items():
        assert agreement.share >= ENOUGH and agreement.reason_share >= ENOUGH, (family, agreement.kinds)


def test_live_decisions_in_chinese(params):
    texts = [text for _, language, text in swept() if language == "zh"]
    agreements = compare(texts, ["zh"] * len(texts), *params, Words())
    for family in ("gopher", "repetition", "fineweb"):
        assert agreements[family].share == agreements[family].reason_share == 1, agreements[family].kinds


def test_documents_of_too_many_words(params):
    texts = [words(100_000), words(100_001)]
    found = decide(measured(texts, ["en", "en"], params[0]), ["en", "en"], params[1])
    assert found["gopher"] == ["", "gopher.max_words"]
