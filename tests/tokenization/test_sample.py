"""The sample that a tokenizer learns from: its size, its weights, and what it depends on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from textmill.config.tokenizer import TokenizerSample
from textmill.corpus.shards import DOCUMENT, read_table, write_table
from textmill.errors import UserError
from textmill.tokenization.sample import Drawn, draw_sample


def documents(numbers) -> pa.Table:
    """Ten characters each; one in five from the novel, in Chinese."""
    chinese = [number % 5 == 0 for number in numbers]
    texts = [f"{'第' if number % 5 == 0 else 'n'}{number:09d}" for number in numbers]
    return pa.table(
        [
            [f"{number:032x}" for number in numbers],
            texts,
            ["novel" if zh else "letters" for zh in chinese],
            ["MIT"] * len(numbers),
            ["zh" if zh else "" for zh in chinese],
            [""] * len(numbers),
        ],
        schema=DOCUMENT,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_table(folder / "part-00000.parquet", documents(range(1200)))
    write_table(folder / "part-00001.parquet", documents(range(1200, 2000)))
    return folder


def draw(corpus: Path, folder: Path, seed: int = 3, **sample) -> Drawn:
    return draw_sample(corpus, TokenizerSample(**sample), seed, folder)


def texts(drawn: Drawn) -> list[str]:
    return [text for path in drawn.shards for text in read_table(path, ["text"])["text"].to_pylist()]


def test_everything_by_default_and_nothing_is_copied(corpus, tmp_path) -> None:
    drawn = draw(corpus, tmp_path)
    assert drawn.shards == sorted(corpus.glob("*.parquet")) and not list(tmp_path.iterdir())
    assert drawn.report["characters"] == drawn.report["of_characters"] == 20_000
    assert drawn.report["sources"]["novel"] == {"documents": 400, "characters": 4000, "share": 0.2}
    assert list(drawn.report["languages"]) == ["und", "zh"]


@pytest.mark.parametrize(
    "sample", [{"characters": 5000}, {"share": 0.25}, {"share": 0.9, "characters": 5000}]
)
def test_the_sample_is_as_large_as_asked(corpus, tmp_path, sample) -> None:
    drawn = draw(corpus, tmp_path, **sample)
    assert drawn.report["characters"] == 5000 == sum(map(len, texts(drawn)))
    assert drawn.report["documents"] == 500 and drawn.report["of_documents"] == 2000
    standard_error = np.sqrt(0.2 * 0.8 / 500 * 0.75)
    assert abs(drawn.report["languages"]["zh"]["share"] - 0.2) < 4 * standard_error


def test_weights_draw_a_source_more_often(corpus, tmp_path) -> None:
    """Four times as likely and a quarter as many: about half of a small sample."""
    drawn = draw(corpus, tmp_path, characters=2000, by_source={"novel": 4.0})
    assert abs(drawn.report["sources"]["novel"]["share"] - 0.5) < 0.14
    none = draw(corpus, tmp_path, share=0.5, by_language={"zh": 0})
    assert list(none.report["languages"]) == ["und"]


@given(seed=st.integers(0, 99), few=st.integers(1, 900), more=st.integers(0, 900), cut=st.integers(1, 99))
@settings(max_examples=25, deadline=None)
def test_it_depends_on_the_documents_alone_and_grows(tmp_path_factory, seed, few, more, cut) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    rows = documents(range(100))
    write_table(folder / "one/part-00000.parquet", rows)
    write_table(folder / "two/part-00000.parquet", rows.slice(0, cut))
    write_table(folder / "two/part-00001.parquet", rows.slice(cut))
    small = draw(folder / "one", folder / "a", seed, characters=few, by_source={"novel": 2.0})
    again = draw(folder / "two", folder / "b", seed, characters=few, by_source={"novel": 2.0})
    large = draw(folder / "one", folder / "c", seed, characters=few + more, by_source={"novel": 2.0})
    assert texts(small) == texts(again) and small.report == again.report
    assert set(texts(small)) <= set(texts(large))


def test_mistakes_are_named(corpus, tmp_path) -> None:
    with pytest.raises(UserError, match=r"sample\.by_source\.novle: no document .*: letters, novel"):
        draw(corpus, tmp_path, share=0.5, by_source={"novle": 2.0})
    with pytest.raises(UserError, match="every document has weight 0"):
        draw(corpus, tmp_path, share=0.5, by_source={"novel": 0, "letters": 0})
    with pytest.raises(ValidationError, match="set characters or share too"):
        TokenizerSample(by_source={"novel": 2.0})
