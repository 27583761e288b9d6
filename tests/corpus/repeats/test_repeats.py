"""Repeats are those that a search by hand finds, whatever the shards, and cutting leaves one of each."""

from __future__ import annotations

from collections import Counter, defaultdict

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings, write_documents
from textmill.corpus.repeats.lines import repeated_lines
from textmill.corpus.repeats.substrings import repeated_substrings
from textmill.corpus.shingles import tokens

FOOTER = "Copyright 2026 Example Press. All rights reserved."
CHINESE_FOOTER = "版权所有，未经许可，不得转载。本站内容仅供学习参考之用。"


def spans(table: pa.Table) -> list[tuple[str, int, int, int]]:
    return [(row["id"], row["start"], row["end"], row["group"]) for row in table.to_pylist()]


def plain(text: str) -> str:
    return "".join(text.lower().split())


LINES = st.lists(
    st.sampled_from(["", "alpha beta gamma", "Alpha  beta gamma", "delta", "数据清洗很重要", "x" * 30, " "]),
    max_size=7,
).map("\n".join)


@settings(max_examples=80, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=8), st.sampled_from(["line", "paragraph"]), st.integers(1, 5))
def test_repeated_units_are_those_a_count_finds(tmp_path_factory, texts, unit, per_shard) -> None:
    folder = tmp_path_factory.mktemp("lines")
    ids = write_documents(folder, texts, per_shard=per_shard)
    found = spans(repeated_lines(folder, unit, 6))
    expected: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for identity, text in zip(ids, texts, strict=True):
        parts = text.split("\n") if unit == "line" else split_paragraphs(text)
        for part in parts:
            if len(plain(part)) >= 6:
                expected[plain(part)].append((identity, part))
    wanted = Counter(
        (identity, plain(part)) for same in expected.values() if len(same) > 1 for identity, part in same
    )
    by_id = dict(zip(ids, texts, strict=True))
    assert (
        Counter((identity, plain(by_id[identity][start:end])) for identity, start, end, _ in found) == wanted
    )
    groups = defaultdict(set)
    for identity, start, end, group in found:
        groups[group].add(plain(by_id[identity][start:end]))
    assert all(len(same) == 1 for same in groups.values())
    assert len(groups) == sum(len(same) > 1 for same in expected.values())


def split_paragraphs(text: str) -> list[str]:
    import re

    return re.split(r"\n{2,}", text)


def test_a_cut_line_takes_its_break_with_it(tmp_path) -> None:
    texts = [f"first line here\n{FOOTER}\nlast line here", f"another text\n{FOOTER}", FOOTER]
    ids = write_documents(tmp_path, texts)
    by_id = dict(zip(ids, texts, strict=True))
    left = {identity: by_id[identity][:start] + by_id[identity][end:] for identity, start, end, _ in
            spans(repeated_lines(tmp_path, "line", 20))}  # fmt: skip
    assert list(left.values()) == ["first line here\nlast line here", "another text", ""]


def token_windows(text: str, size: int) -> list[tuple[str, ...]]:
    found = tokens(pa.array([text], pa.large_string()))
    words = [
        "".join(map(chr, found.codes[a:b])) for a, b in zip(found.starts, found.starts[1:], strict=False)
    ]
    return [tuple(words[place : place + size]) for place in range(len(words) - size + 1)]


def planted() -> list[str]:
    """Documents that share a long English or a long Chinese passage, spelled with other white space."""
    prose = [text for text in docstrings(60) if len(text.split()) > 60][:12]
    passage = " ".join(prose[0].split()[:60])
    chinese = NOVEL[1][:90]
    return [
        *prose[1:5],
        f"{prose[5]} {passage}",
        f"{passage.upper()} {prose[6]}",
        f"{prose[7]}\n{passage.replace(' ', '   ')}\n{prose[8]}",
        f"{NOVEL[2]}{chinese}",
        f"{chinese}{NOVEL[3]}",
        f"too short to count: {' '.join(passage.split()[:20])}",
    ]


@pytest.mark.parametrize("per_shard", [1, 3, 100])
def test_planted_passages_are_found_whole_and_the_same_in_any_shards(tmp_path, per_shard) -> None:
    texts = planted()
    ids = write_documents(tmp_path / "clean", texts, per_shard=per_shard)
    table = repeated_substrings(tmp_path / "clean", 40, tmp_path)
    seen: Counter[tuple[str, ...]] = Counter(window for text in texts for window in token_windows(text, 40))
    by_id = dict(zip(ids, texts, strict=True))
    covered: Counter[tuple[str, ...]] = Counter()
    for identity, start, end, _ in spans(table):
        covered.update(token_windows(by_id[identity][start:end], 40))
    assert covered == Counter({window: count for window, count in seen.items() if count > 1})
    passages = Counter(group for *_, group in spans(table))
    assert sorted(passages.values()) == [2, 3]
    assert not table["id"].to_pylist().count(ids[-1])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab 数据.\n", max_size=40), min_size=1, max_size=6), st.integers(1, 6))
def test_every_repeated_window_is_covered_and_no_other(tmp_path_factory, texts, per_shard) -> None:
    folder = tmp_path_factory.mktemp("substrings")
    ids = write_documents(folder / "clean", texts, per_shard=per_shard)
    table = repeated_substrings(folder / "clean", 5, folder)
    seen = Counter(window for text in texts for window in token_windows(text, 5))
    by_id = dict(zip(ids, texts, strict=True))
    covered: Counter[tuple[str, ...]] = Counter()
    for identity, start, end, _ in spans(table):
        covered.update(token_windows(by_id[identity][start:end], 5))
    assert covered == Counter({window: count for window, count in seen.items() if count > 1})


def test_documents_that_go_anyway_are_left_out(tmp_path) -> None:
    text = " ".join(f"word{number}" for number in range(80))
    ids = write_documents(tmp_path / "clean", [text, text, "short"])
    assert repeated_substrings(tmp_path / "clean", 50, tmp_path).num_rows == 2
    assert not repeated_substrings(tmp_path / "clean", 50, tmp_path, leave_out=pa.array(ids[1:2])).num_rows
