"""Repetition and thinning: as often as asked, decided by the id's hash, copies apart from each other."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.tokenization.bpe import assemble
from textmill.tokenization.encoding import Encoder
from textmill.tokenization.mixing import Mixing, check_names
from textmill.tokenization.packing import open_shards
from textmill.tokenization.tokenize import add_counts, tokenize_split

TOKENIZER = assemble([])


def documents(count: int, start: int = 0) -> pa.Table:
    """Every third is Chinese and from the novel; the text is the document's number."""
    numbers = range(start, start + count)
    chinese = [number % 3 == 0 for number in numbers]
    return pa.table(
        [
            [f"{number:032x}" for number in numbers],
            [
                f"第{number}回" if zh else f"chapter {number}"
                for number, zh in zip(numbers, chinese, strict=True)
            ],
            ["novel" if zh else "letters" for zh in chinese],
            ["MIT"] * count,
            ["zh" if zh else "en" for zh in chinese],
            [""] * count,
        ],
        schema=DOCUMENT,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_table(folder / "part-00000.parquet", documents(300))
    write_table(folder / "part-00001.parquet", documents(150, 300))
    return folder


def written(folder: Path) -> Counter[str]:
    """How often each text is in the shards."""
    shards = open_shards(folder)
    texts: Counter[str] = Counter()
    for ids, bounds in zip(shards.ids, shards.bounds, strict=True):
        for start, end in pairwise(bounds):
            assert ids[end - 1] == 2
            texts[TOKENIZER.decode(ids[start : end - 1].tolist())] += 1
    return texts


def tokenize(corpus: Path, folder: Path, **mixing) -> dict:
    mix = Mixing(7, **mixing) if mixing else None
    return add_counts(tokenize_split(corpus, folder, Encoder(TOKENIZER), 4, mix), "corpus")


def test_epochs_repeat_all_and_a_share_once_more(corpus, tmp_path) -> None:
    counts = tokenize(corpus, tmp_path, epochs=2.5)
    texts = written(tmp_path)
    assert set(texts.values()) == {2, 3} and len(texts) == 450
    thrice = sum(count == 3 for count in texts.values())
    assert abs(thrice - 225) < 4 * np.sqrt(450 / 4)
    assert counts["documents"] == sum(texts.values()) == open_shards(tmp_path).documents
    assert counts["distinct"] == 450 and counts["tokens"] == open_shards(tmp_path).tokens
    assert counts["bytes"] == sum(len(text.encode()) * count for text, count in texts.items())


def test_factors_of_sources_and_languages_multiply(corpus, tmp_path) -> None:
    counts = tokenize(corpus, tmp_path, epochs=2, sources={"novel": 1.5}, languages={"en": 0, "zh": 1})
    assert set(written(tmp_path).values()) == {3}
    assert counts["languages"]["zh"]["documents"] == 450 and counts["languages"]["en"]["documents"] == 0
    assert counts["sources"]["letters"]["longest"] == 0


def test_weights_of_single_documents_come_from_a_file(corpus, tmp_path) -> None:
    ids = [f"{number:032x}" for number in (5, 4, 9)]
    write_table(tmp_path / "weights.parquet", pa.table({"id": ids, "weight": [0.0, 3.0, 2.0]}))
    tokenize(corpus, tmp_path / "tokens", weights=tmp_path / "weights.parquet")
    texts = written(tmp_path / "tokens")
    assert texts["chapter 5"] == 0 and texts["chapter 4"] == 3 and texts["第9回"] == 2
    assert sum(texts.values()) == 450 + 2


def test_no_weights_change_no_byte(corpus, tmp_path) -> None:
    write_table(
        tmp_path / "empty.parquet",
        pa.table({"id": pa.array([], pa.string()), "weight": pa.array([], pa.float64())}),
    )
    tokenize(corpus, tmp_path / "plain")
    for name, mixing in {
        "ones": {"epochs": 1.0, "sources": {"novel": 1.0}},
        "empty": {"weights": tmp_path / "empty.parquet"},
        "absent": {"weights": tmp_path / "absent.parquet"},
    }.items():
        tokenize(corpus, tmp_path / name, **mixing)
        files = sorted(path.name for path in (tmp_path / name).iterdir())
        assert files == ["part-00000.bin", "part-00000.idx", "part-00001.bin", "part-00001.idx"]
        for file in files:
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "plain" / file).read_bytes()


@given(
    epochs=st.floats(0.1, 4),
    novel=st.floats(0, 3),
    seed=st.integers(0, 2**31 - 1),
    split=st.integers(0, 120),
)
@settings(max_examples=60, deadline=None)
def test_copies_depend_on_the_document_alone(epochs, novel, seed, split) -> None:
    """However they are batched, each has the same number of copies, and it is next to what was asked."""
    mixing = Mixing(seed, epochs, {"novel": novel})
    rows = documents(120)
    together = mixing.copies(rows)
    apart = np.concatenate([mixing.copies(rows.slice(0, split)), mixing.copies(rows.slice(split))])
    assert np.array_equal(together, apart)
    asked = np.where(np.arange(120) % 3 == 0, epochs * novel, epochs)
    assert (np.abs(together - asked) < 1).all()
    more = Mixing(seed, epochs + 1, {"novel": novel}).copies(rows)
    assert (more >= together).all()


def test_the_choice_is_independent_of_the_validation_split() -> None:
    """The split hashes the same ids with the same seed: thinning must not follow it."""
    import xxhash

    ids = documents(4000)
    split = np.array(
        [xxhash.xxh3_64_intdigest(key.encode(), seed=7) for key in ids["id"].to_pylist()], np.uint64
    )
    kept = Mixing(7, 0.5).copies(ids) > 0
    assert abs(kept[split < np.uint64(2**63)].mean() - 0.5) < 0.05


def test_copies_of_a_document_are_in_different_files(corpus, tmp_path) -> None:
    tokenize(corpus, tmp_path, epochs=3)
    assert [path.name for path in sorted(tmp_path.glob("part-00001*.bin"))] == [
        "part-00001.bin", "part-00001.r1.bin", "part-00001.r2.bin",
    ]  # fmt: skip
    first = (tmp_path / "part-00001.bin").read_bytes()
    assert (tmp_path / "part-00001.r2.bin").read_bytes() == first


def test_further_directories_are_tokenized_too(corpus, tmp_path) -> None:
    write_table(tmp_path / "augmented/part-00000.parquet", documents(6, 9000))
    encoder, more = Encoder(TOKENIZER), [tmp_path / "absent", tmp_path / "augmented"]
    counts = add_counts(tokenize_split(corpus, tmp_path / "tokens", encoder, 4, more=more), "corpus")
    assert counts["documents"] == 456
    assert written(tmp_path / "tokens")["第9000回"] == 1


def test_mistakes_in_weights_are_named(tmp_path) -> None:
    file = tmp_path / "weights.parquet"
    for ids, weights, message in (
        (["a", "b", "a"], [1.0, 1.0, 2.0], "two of a"),
        (["a"], [-1.0], "0 or more, found -1.0 for a"),
        (["a"], [float("nan")], "0 or more, found nan for a"),
    ):
        write_table(file, pa.table({"id": ids, "weight": weights}))
        with pytest.raises(UserError, match=message):
            Mixing(1, weights=file)


def test_a_factor_that_names_nothing_is_refused(corpus, tmp_path) -> None:
    counts = tokenize(corpus, tmp_path)
    with pytest.raises(UserError, match=r"tokenize\.by_source\.novle: no document .* letters, novel"):
        check_names(Mixing(1, sources={"novle": 2.0}), counts)
    with pytest.raises(UserError, match=r"tokenize\.by_language\.fr"):
        check_names(Mixing(1, languages={"fr": 2.0}), counts)
    check_names(Mixing(1, sources={"novel": 2.0}, languages={"zh": 2.0}), counts)


def test_nothing_left_is_refused(corpus, tmp_path) -> None:
    with pytest.raises(UserError, match="expected documents to tokenize, found none"):
        tokenize(corpus, tmp_path, languages={"en": 0, "zh": 0})
