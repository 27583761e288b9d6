"""Splitting into passages loses no text and keeps paragraphs whole."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.corpus.sources.source_files import ingested, write_lines
from textmill.corpus.sources.passages import split

PARAGRAPHS = st.lists(
    st.text(alphabet="ab 水磨。.\t", min_size=1, max_size=40).filter(str.strip), max_size=12
)


@given(PARAGRAPHS, st.sampled_from(["\n\n", "\n \n", "\n\u3000\u3000", "\n\n\n\t"]), st.integers(50, 120))
def test_no_character_is_lost_and_paragraphs_stay_whole(paragraphs: list[str], gap: str, size: int) -> None:
    found = split(gap.join(paragraphs), size)
    assert "".join("".join(found).split()) == "".join("".join(paragraphs).split())
    inside = [line for passage in found for line in passage.split("\n")]
    assert inside == [paragraph.strip() for paragraph in paragraphs]
    for passage in found:
        assert len(passage) <= size + passage.count("\n") or "\n" not in passage


@given(PARAGRAPHS, st.integers(50, 120))
def test_passages_are_as_full_as_they_can_be(paragraphs: list[str], size: int) -> None:
    found = split("\n\n".join(paragraphs), size)
    for passage, following in pairwise(found):
        assert len(passage.replace("\n", "")) + len(following.split("\n")[0]) > size


def test_keys_and_meta_tell_the_passage(tmp_path: Path) -> None:
    novel = [
        "第一回 宴桃园豪杰三结义\n\n\t话说天下大势，分久必合，合久必分。"
        + "\n\n\t周末七国分争，并入于秦。" * 12,
        "短",
    ]
    write_lines(tmp_path / "own" / "n.jsonl", [{"k": "c1", "text": novel[0]}, {"k": "c2", "text": novel[1]}])
    source = {"kind": "files", "paths": ["n.jsonl"], "id": "k", "passage_chars": 60}
    found = ingested(tmp_path / "own", source)
    assert len(found) > 3 and found.id.is_unique
    assert [json.loads(meta)["passage"] for meta in found.meta] == [*range(1, len(found)), 1]
    assert re.sub(r"\s", "", "".join(found.text)) == re.sub(r"\s", "", "".join(novel))
