"""The tokenizer: both trainers agree, ids are as promised, text survives a round trip."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.tokenization.bpe import assemble, byte_alphabet, train_bpe
from textmill.tokenization.directory import load_tokenizer, save_tokenizer
from textmill.tokenization.fertility import fertility
from textmill.tokenization.special import SPECIAL_TOKENS

CHINESE = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。"


def documents() -> list[tuple[str, str]]:
    english = [
        str(value.__doc__)
        for module in (dict, list, str, int, json, Path, pytest)
        for value in vars(module).values()
    ]
    return [(text, "en") for text in english if len(text) > 40] + [
        (CHINESE * count, "zh") for count in range(1, 9)
    ]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    texts, languages = zip(*documents(), strict=True)
    blank = [""] * len(texts)
    ids = [f"{number:032x}" for number in range(len(texts))]
    sources = ["novel" if language == "zh" else "manuals" for language in languages]
    table = pa.table([ids, texts, sources, blank, languages, blank], schema=DOCUMENT)
    half = len(texts) // 2
    write_table(folder / "part-00000.parquet", table.slice(0, half))
    write_table(folder / "part-00001.parquet", table.slice(half))
    return folder


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train_bpe(sorted(corpus.glob("*.parquet")), 700, "gigatoken")


def test_both_trainers_learn_the_same_tokenizer(corpus, tokenizer) -> None:
    reference = train_bpe(sorted(corpus.glob("*.parquet")), 700, "tokenizers")
    assert tokenizer.to_str() == reference.to_str()


def test_training_twice_gives_the_same_bytes(corpus, tokenizer, tmp_path) -> None:
    again = train_bpe(sorted(corpus.glob("*.parquet")), 700, "gigatoken")
    for name, made in (("first", tokenizer), ("second", again)):
        save_tokenizer(made, tmp_path / name)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_special_tokens_come_first_and_every_byte_has_an_id(tokenizer) -> None:
    assert tokenizer.get_vocab_size() == 700
    assert [tokenizer.id_to_token(index) for index in range(38)] == list(SPECIAL_TOKENS)
    assert {tokenizer.token_to_id(character) for character in byte_alphabet()} == set(range(38, 38 + 256))


@given(text=st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_a_round_trip(tokenizer, text) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    if not any(token in text for token in SPECIAL_TOKENS):
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_transformers_loads_the_directory_with_the_framing_of_each_model(tokenizer, tmp_path) -> None:
    from transformers import AutoTokenizer

    expected = {"none": ([], []), "decoder": ([], []), "encoder": ([1], [2]), "seq2seq": ([], [2])}
    for framing, (before, after) in expected.items():
        save_tokenizer(tokenizer, tmp_path / framing, framing, 64)
        loaded = AutoTokenizer.from_pretrained(tmp_path / framing)
        plain = tokenizer.encode("分久必合 united", add_special_tokens=False).ids
        assert loaded("分久必合 united")["input_ids"] == before + plain + after
        assert (loaded.pad_token_id, loaded.eos_token_id, loaded.mask_token_id) == (0, 2, 4)
        assert (
            loaded.decode(loaded("分久必合 united")["input_ids"], skip_special_tokens=True)
            == "分久必合 united"
        )


def test_too_large_a_vocabulary_is_refused_with_the_largest_possible(corpus, tmp_path) -> None:
    table = pa.table([["0" * 32], ["a small text"], [""], [""], ["en"], [""]], schema=DOCUMENT)
    write_table(tmp_path / "part-00000.parquet", table)
    with pytest.raises(UserError, match=r"tokenizer\.vocab_size: expected at most \d+ .* found 4096"):
        train_bpe([tmp_path / "part-00000.parquet"], 4096, "gigatoken")


def test_a_tokenizer_with_other_special_tokens_is_refused(tmp_path) -> None:
    from tokenizers import Tokenizer, models

    Tokenizer(models.BPE(vocab={"a": 0}, merges=[])).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="expected the special token <pad> with id 0, found id None"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match=r"tokenizer\.json: expected a tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(UserError, match="not found"):
        load_tokenizer(tmp_path / "absent")


def test_fertility_counts_what_the_tokenizer_does(corpus, tokenizer) -> None:
    figures = fertility(tokenizer, corpus)["languages"]
    for language in ("en", "zh"):
        texts = [text for text, spoken in documents() if spoken == language]
        tokens = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts)
        assert figures[language]["tokens"] == tokens
        assert figures[language]["documents"] == len(texts)
        bytes_per_token = sum(len(text.encode()) for text in texts) / tokens
        assert figures[language]["bytes_per_token"] == pytest.approx(bytes_per_token, abs=1e-4)
        characters = sum(map(len, texts))
        assert figures[language]["tokens_per_character"] == pytest.approx(tokens / characters, abs=1e-4)
        assert figures[language]["unknown_share"] == 0
    words = sum(len(text.split()) for text, spoken in documents() if spoken == "en")
    assert figures["en"]["tokens_per_word"] == pytest.approx(figures["en"]["tokens"] / words, rel=0.01)
    assert "tokens_per_word" not in figures["zh"]


def test_without_merges_every_byte_of_a_chinese_character_is_partial(corpus) -> None:
    figures = fertility(assemble([]), corpus)
    assert figures["languages"]["zh"]["partial_share"] == 1
    assert figures["languages"]["zh"]["tokens_per_character"] == 3
    assert figures["languages"]["en"]["partial_share"] < 0.01
    assert list(figures["sources"]) == ["manuals", "novel"]
    assert figures["sources"]["novel"]["tokens"] == figures["languages"]["zh"]["tokens"]
