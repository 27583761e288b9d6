"""Token shards: ids equal to the reference library's, whole files, errors that name the file."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.corpus.engines import Local
from textmill.corpus.fingerprint import fingerprint
from textmill.corpus.finished import finished_shards
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.tokenization.bpe import assemble, train_bpe
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.packing import open_shards, with_ends
from textmill.tokenization.tokenize import add_counts, tokenize_split

TEXTS = [
    ("It is a truth universally acknowledged, that a single man in possession…", "en"),
    ("", "en"),
    ("不管黑猫白猫，捉到老鼠就是好猫。", "zh"),
    ("A docstring may speak of <eos> and <pad> without ending anything.", ""),
    ("tabs\tand\r\nlines 🦉 1234", "en"),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for number, rows in enumerate((TEXTS * 3, TEXTS[::-1])):
        texts, languages = zip(*rows, strict=True)
        blank = [""] * len(texts)
        table = pa.table([blank, texts, blank, blank, languages, blank], schema=DOCUMENT)
        write_table(folder / f"part-{number:05d}.parquet", table)
    return folder


@pytest.fixture(scope="module")
def tokenizer(corpus):
    return train_bpe(sorted(corpus.glob("*.parquet")), 360, "gigatoken")


@given(texts=st.lists(st.text(max_size=80), max_size=8))
@settings(max_examples=100, deadline=None)
def test_gigatoken_gives_the_ids_of_tokenizers(tokenizer, texts) -> None:
    fast, slow = Encoder(tokenizer), Encoder(tokenizer, "tokenizers")
    for found, expected in zip(fast.encode(texts), slow.encode(texts), strict=True):
        assert np.array_equal(found, expected)


def test_no_text_can_inject_a_special_token(tokenizer) -> None:
    for library in ("gigatoken", "tokenizers"):
        ids, _ = Encoder(tokenizer, library).encode(["<eos><pad><extra_0> <mask>"])
        assert (ids >= 38).all()


def test_a_disagreement_between_the_libraries_stops_the_stage(tokenizer) -> None:
    encoder = Encoder(tokenizer)
    encoder._reference = assemble([])
    with pytest.raises(UserError, match=r"gigatoken and tokenizers encode the text .*tokenize\.encoder"):
        encoder.encode([text for text, _ in TEXTS], check=5)


def test_gigatoken_starts_anew_before_the_words_it_remembers_fill_the_memory(tokenizer, monkeypatch) -> None:
    texts = [text for text, _ in TEXTS]
    encoder = Encoder(tokenizer)
    first, used = encoder.encode(texts), [encoder._fast]
    monkeypatch.setattr("textmill.tokenization.encoding.RENEWED_AFTER", 1000)
    for _ in range(20):
        ids, offsets = encoder.encode(texts)
        assert np.array_equal(ids, first[0]) and np.array_equal(offsets, first[1])
        if encoder._fast is not used[-1]:
            used.append(encoder._fast)
    assert 3 < len(used) < 20


def test_shards_hold_every_document_with_its_end(corpus, tokenizer, tmp_path) -> None:
    counts = add_counts(tokenize_split(corpus, tmp_path, Encoder(tokenizer), 4), "corpus")
    shards = open_shards(tmp_path)
    expected = [TEXTS * 3, TEXTS[::-1]]
    for ids, bounds, rows in zip(shards.ids, shards.bounds, expected, strict=True):
        assert len(bounds) == len(rows) + 1
        for (text, _), start, end in zip(rows, bounds[:-1], bounds[1:], strict=True):
            assert ids[end - 1] == 2
            assert tokenizer.decode(ids[start : end - 1].tolist(), skip_special_tokens=False) == text
    assert counts["documents"] == shards.documents == 20
    assert counts["tokens"] == shards.tokens
    assert counts["bytes"] == 4 * sum(len(text.encode()) for text, _ in TEXTS)
    assert counts["languages"]["zh"]["documents"] == 4
    assert set(counts["languages"]) == {"en", "zh", "und"}
    assert json.dumps(counts)


def test_both_encoders_write_the_same_bytes(corpus, tokenizer, tmp_path) -> None:
    for library in ("gigatoken", "tokenizers"):
        list(tokenize_split(corpus, tmp_path / library, Encoder(tokenizer, library), 4))
    files = sorted(path.name for path in (tmp_path / "gigatoken").iterdir())
    assert files == ["part-00000.bin", "part-00000.idx", "part-00001.bin", "part-00001.idx"]
    for name in files:
        assert (tmp_path / "gigatoken" / name).read_bytes() == (tmp_path / "tokenizers" / name).read_bytes()


@given(lengths=st.lists(st.integers(0, 5), max_size=6))
def test_ends_are_put_behind_documents_of_any_length(lengths) -> None:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    packed, bounds = with_ends(np.full(offsets[-1], 9, np.uint32), offsets)
    parts = [packed[start:end].tolist() for start, end in pairwise(bounds)]
    assert parts == [[9] * length + [2] for length in lengths]


def test_damaged_shards_are_named(corpus, tokenizer, tmp_path) -> None:
    with pytest.raises(UserError, match="expected token shards"):
        open_shards(tmp_path)
    list(tokenize_split(corpus, tmp_path, Encoder(tokenizer), 1))
    file = tmp_path / "part-00001.bin"
    file.write_bytes(file.read_bytes()[:-2])
    with pytest.raises(
        UserError, match=r"part-00001\.bin: expected [\d,]+ bytes by its index part-00001\.idx"
    ):
        open_shards(tmp_path)
    (tmp_path / "part-00000.idx").unlink()
    with pytest.raises(UserError, match=r"part-00000\.idx: not found"):
        open_shards(tmp_path)


def test_a_split_without_documents_is_refused() -> None:
    with pytest.raises(UserError, match="data/corpus/train: expected documents to tokenize, found none"):
        add_counts(iter([]), "data/corpus/train")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_processes_write_the_bytes_and_counts_of_this_one(corpus, tokenizer, tmp_path) -> None:
    alone = add_counts(tokenize_split(corpus, tmp_path / "one", Encoder(tokenizer), 4), "corpus")
    shards = tokenize_split(corpus, tmp_path / "two", Encoder(tokenizer), 4, engine=Local(2))
    assert add_counts(shards, "corpus") == alone
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_a_run_goes_on_after_the_shards_that_another_finished(
    corpus, tokenizer, tmp_path, monkeypatch
) -> None:
    encoder = Encoder(tokenizer)
    assert fingerprint(encoder) == fingerprint(Encoder(tokenizer))
    assert fingerprint(encoder) != fingerprint(Encoder(tokenizer, "tokenizers"))
    encoded = []
    encode = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda *given: encoded.append(1) or encode(*given))
    with pytest.raises(KeyboardInterrupt), finished_shards(tmp_path / "kept", "tokenize", encoder) as kept:
        for _ in tokenize_split(corpus, tmp_path / "cut", encoder, 4, engine=Local(), kept=kept):
            raise KeyboardInterrupt
    assert len(encoded) == 1
    with finished_shards(tmp_path / "kept", "tokenize", Encoder(tokenizer)) as kept:
        counts = add_counts(tokenize_split(corpus, tmp_path / "whole", encoder, 4, kept=kept), "corpus")
    assert len(encoded) == 2, "the other shard alone"
    assert counts == add_counts(tokenize_split(corpus, tmp_path / "one", encoder, 4), "corpus")
    assert contents(tmp_path / "whole") == contents(tmp_path / "one")
