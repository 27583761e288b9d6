"""The signals equal a plain reading of the papers, on prose, dialogue, code and anything else."""

import inspect
import json
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.signals.reference import reference
from textmill.config.annotate import Annotate
from textmill.config.load import validated
from textmill.corpus.mapping import map_shards
from textmill.corpus.shards import ShardWriter, read_table, shard_paths
from textmill.corpus.signals import FAMILIES, annotator
from textmill.corpus.signals.annotator import READS
from textmill.errors import UserError

OPTIONS = Annotate()
DOCUMENTS = [
    "",
    "\n \n",
    "word",
    "The mill stood by the river. It had been there for 300 years... And it was to stay!\n\nNobody minded.",
    "- one\n- two\n• three\n* four\n\nfive…\nsix...",
    "A: hi\nB: hi\nA: hi\nA: how are you?\nB: how are you?",
    "同样的话。同样的话。同样的话。\n同样的话。\n\n“子曰：‘学而时习之，不亦说乎？’……”\n" * 3,
    "中文 and English 混合，with “quotes” — don’t worry… 日本語のテキストです。カタカナー",
    "spam spam spam spam spam spam spam spam spam spam spam spam",
    "the cat sat on the mat and " * 12,
    "# # # ... .. .... ..... …… … {a: {b}} #tag",
    "Enable JavaScript to continue.\nRead our Privacy Policy and Terms of Use.\nLorem ipsum dolor.\n隐私政策",
    "para one\nline two\n\npara one\nline two\n\n\npara one\nline two",
    "  indented\n    more\n  indented\n\ttab",
    '"The end." (Really?) [Yes!] e.g. this, i.e. that. No.Yes 3.14 "What?" he said.',
    "😀 😀 😀 +1 == === foo() <b> $5 100%",
    "THE End OF a Story; (with) 'and' that-have.",
    *[inspect.getdoc(thing) for thing in (np.linspace, np.einsum, json, random.Random, str.split)],
]


def annotate(texts, languages=None, options=OPTIONS):
    batch = pa.RecordBatch.from_arrays(
        [pa.array(texts, pa.large_string()), pa.array(languages or ["en"] * len(texts), pa.string())],
        schema=READS,
    )
    return annotator(options).function(batch).to_pylist()


def assert_equal(text, found, stop_words, counting="datatrove", spaceless=False):
    expected = reference(text, stop_words, counting, spaceless)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (value if value is None else pytest.approx(value, abs=1e-12)), (name, text)


@pytest.mark.parametrize("counting", ["datatrove", "paper"])
@pytest.mark.parametrize("language", ["en", "zh", "fr"])
def test_every_signal_equals_the_reference(language, counting):
    options = Annotate(repeated_ngrams=counting)
    found = annotate(DOCUMENTS, [language] * len(DOCUMENTS), options)
    for text, row in zip(DOCUMENTS, found, strict=True):
        assert_equal(text, row, options.stop_words.get(language), counting, language == "zh")


PIECES = st.sampled_from(
    ["the", "and", "cat", "The", "cat,", ".", "...", "…", " ", " ", " ", "\n", "\n\n", "\t", "。", "，", "的",
    "人",
     "人", "你好", "“", "”", "’", "-", "• ", "#", "{", "1", "カ", "ー", "\u3000", "\xa0",
     "javascript", "!", "?", '"', "é", "𠀀", "😀",
     "[1]", "[edit]", "]", "{", "lorem ipsum", "use cookies"]
)  # fmt: skip


TEXTS = st.lists(PIECES | st.text(st.characters(codec="utf-8"), max_size=4), max_size=60).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.sampled_from(["datatrove", "paper"]))
def test_any_text_equals_the_reference(texts, counting):
    options = Annotate(repeated_ngrams=counting)
    for text, found in zip(texts, annotate(texts, options=options), strict=True):
        assert_equal(text, found, OPTIONS.stop_words["en"], counting)


def test_neighbours_do_not_matter():
    together = annotate(DOCUMENTS)
    assert [annotate([text])[0] for text in DOCUMENTS] == together
    assert annotate(DOCUMENTS[::-1])[::-1] == together


def test_chinese_is_measured_by_characters():
    (found,) = annotate(["滚滚长江东逝水，浪花淘尽英雄。是非成败转头空。"], ["zh"])
    assert found["words"] == found["gopher_words"] == 20
    assert found["gopher_mean_word_length"] == 1 and found["gopher_alpha_words"] == 1
    assert found["c4_sentences"] == 2 and found["c4_terminal_lines"] == 1
    assert found["gopher_stop_words"] == 1  # 是


def test_stop_words_are_words_just_as_written_and_follow_the_language():
    found = annotate(["the cat, (and) that. The with", "the cat and that.", None], ["en", "fr", "en"])
    assert [row["gopher_stop_words"] for row in found] == [2, None, 0]
    french = Annotate(stop_words={"fr": ["le", "la"]})
    assert [r["gopher_stop_words"] for r in annotate(["le chat", "le"], ["fr", "en"], french)] == [1, None]


def test_families_can_be_chosen():
    (found,) = annotate(["some text"], options=Annotate(families=["fineweb"]))
    names = [signal.name for family in ("basic", "fineweb") for signal in FAMILIES[family].signals]
    assert list(found) == names
    for family in FAMILIES.values():
        assert all(signal.description for signal in family.signals)


def test_wrong_params_name_the_key():
    with pytest.raises(UserError, match=r"annotate\.families\.0.*gofer"):
        validated(Annotate, {"families": ["gofer"]}, "params.yaml", "annotate")
    with pytest.raises(UserError, match=r"stop_words.*de: expected at least one word"):
        validated(Annotate, {"stop_words": {"de": []}}, "params.yaml", "annotate")


def test_signals_are_aligned_with_their_documents(tmp_path):
    schema = pa.schema([("id", pa.string()), ("text", pa.large_string()), ("lang", pa.string())])
    with ShardWriter(tmp_path / "clean", schema, bytes_per_shard=2000) as writer:
        for index, text in enumerate(DOCUMENTS):
            row = {"id": [f"{index}"], "text": [text], "lang": ["en"]}
            writer.write(pa.RecordBatch.from_pydict(row, schema=schema))
    map_shards(annotator(OPTIONS), tmp_path / "clean", tmp_path / "signals", keep=["id"])
    paths = shard_paths(tmp_path / "signals")
    table = pa.concat_tables([read_table(path) for path in paths])
    assert len(paths) > 1 and "text" not in table.schema.names
    assert table["id"].to_pylist() == [f"{index}" for index in range(len(DOCUMENTS))]
    assert table["characters"].to_pylist() == [len(text) for text in DOCUMENTS]
