"""Unigram: likelier pieces, lossless on any text, the same bytes from every run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.tokenization.bpe import byte_alphabet
from textmill.tokenization.directory import load_tokenizer, save_tokenizer
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.special import SPECIAL_TOKENS
from textmill.tokenization.tokenize import tokenize_split
from textmill.tokenization.unigram import assemble, train_unigram

ENGLISH = [str(value.__doc__) for kind in (dict, list, str, int, bytes) for value in vars(kind).values()]
CHINESE = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚、汉分争，又并入于汉。"

AGAIN = """
import sys
from pathlib import Path
from textmill.tokenization.unigram import train_unigram
print(train_unigram([Path(sys.argv[1])], 500).to_str())
"""


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "part-00000.parquet"
    texts = [*(text for text in ENGLISH if len(text) > 40), *(CHINESE * count for count in range(1, 9))]
    blank = [""] * len(texts)
    ids = [f"{number:032x}" for number in range(len(texts))]
    write_table(path, pa.table([ids, texts, blank, blank, blank, blank], schema=DOCUMENT))
    return path


@pytest.fixture(scope="module")
def tokenizer(shard):
    return train_unigram([shard], 500)


def test_ids_are_as_promised(tokenizer) -> None:
    assert tokenizer.get_vocab_size() == 500
    assert [tokenizer.id_to_token(index) for index in range(38)] == list(SPECIAL_TOKENS)
    assert [tokenizer.id_to_token(index) for index in range(38, 38 + 256)] == sorted(byte_alphabet())


@pytest.mark.parametrize("threads", ["true", "false"])
def test_every_run_learns_the_same_bytes(shard, tokenizer, threads) -> None:
    """The trainer's hash maps and thread sums differ between processes: the result must not."""
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(shard)],
        env={"PYTHONPATH": str(root / "src"), "PATH": "", "TOKENIZERS_PARALLELISM": threads},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == tokenizer.to_str()


@given(text=st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_survives_and_none_becomes_a_special_token(tokenizer, text) -> None:
    ids, _ = Encoder(tokenizer).encode([text])
    assert (ids >= 38).all()
    assert tokenizer.decode(ids.tolist(), skip_special_tokens=False) == text


@pytest.mark.parametrize("text", ["<pad>", "<eos><unk> <extra_0>", "\x00", "𒀀🦉", "分久必合 <mask>"])
def test_hard_texts_survive(tokenizer, text) -> None:
    ids, _ = Encoder(tokenizer).encode([text])
    assert (ids >= 38).all() and tokenizer.decode(ids.tolist(), skip_special_tokens=False) == text


def test_the_segmentation_is_the_likeliest() -> None:
    """Against all segmentations of a word, by brute force."""
    pieces = {"ab": -2.0, "abc": -4.5, "bc": -2.2, "a": -3.0, "b": -3.1, "c": -1.0, "ca": -3.5}
    tokenizer = assemble(pieces)
    floor = min(pieces.values())

    def best(word: str) -> float:
        if not word:
            return 0.0
        return max(
            pieces.get(word[:size], floor if size == 1 else -np.inf) + best(word[size:])
            for size in range(1, len(word) + 1)
        )

    for word in ("abc", "abcab", "cabcabca", "bcabd"):
        chosen = [tokenizer.id_to_token(index) for index in tokenizer.encode(word).ids]
        assert "".join(chosen) == word
        assert sum(pieces.get(piece, floor) for piece in chosen) == pytest.approx(best(word))


def test_both_encoder_settings_write_the_same_shards(shard, tokenizer, tmp_path) -> None:
    for library in ("gigatoken", "tokenizers"):
        list(tokenize_split(shard.parent, tmp_path / library, Encoder(tokenizer, library), 4))
    one, two = ((tmp_path / name / "part-00000.bin").read_bytes() for name in ("gigatoken", "tokenizers"))
    assert one == two and len(one) > 100


def test_the_directory_loads_here_and_in_transformers(tokenizer, tmp_path) -> None:
    from transformers import AutoTokenizer

    save_tokenizer(tokenizer, tmp_path, "encoder", 64)
    plain = tokenizer.encode("分久必合 united", add_special_tokens=False).ids
    assert load_tokenizer(tmp_path).encode("分久必合 united", add_special_tokens=False).ids == plain
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded("分久必合 united")["input_ids"] == [1, *plain, 2]
    assert loaded.decode(plain) == "分久必合 united"


def test_too_large_a_vocabulary_is_refused(tmp_path) -> None:
    table = pa.table(
        [["0" * 32], ["a small text, and a small one"], [""], [""], ["en"], [""]], schema=DOCUMENT
    )
    write_table(tmp_path / "part-00000.parquet", table)
    with pytest.raises(UserError, match=r"tokenizer\.vocab_size: expected at most \d+ .* found 4096"):
        train_unigram([tmp_path / "part-00000.parquet"], 4096)
