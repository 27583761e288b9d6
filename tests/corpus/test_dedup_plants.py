"""Planted duplicates: what they report is true, and the clusters of real documents stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpus.curation_texts import NOVEL, docstrings, write_documents
from tests.corpus.test_dedup import shingle_set
from textmill.config.dedup import Dedup
from textmill.corpus.dedup import find_and_judge, find_duplicates, plants


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plants") / "clean"
    english = [text for text in docstrings(2000) if len(text.split()) > 90]
    assert len(english) > 200
    write_documents(folder, [*english, *NOVEL, *english[:20], *docstrings(100)], per_shard=150)
    return folder


def judged(clean: Path, scratch: Path, index: Path | None = None, **values: object) -> tuple[object, dict]:
    found = find_and_judge(clean, Dedup(**values), 7, scratch, index=index)
    assert found.quality is not None
    return found.table, found.quality


def test_plants_are_counted_and_change_no_cluster(clean: Path, tmp_path: Path):
    table, quality = judged(clean, tmp_path, plant=80)
    assert table.equals(find_duplicates(clean, Dedup(), 7, tmp_path))
    assert quality["planted"] + quality["near_misses"] >= 150
    assert quality["recall"]["value"] == quality["found"] / quality["planted"] >= 0.95
    assert quality["recall"]["low"] < quality["recall"]["value"] <= quality["recall"]["high"]
    assert quality["wrongly_found"] == 0
    assert quality["precision"]["value"] == 1.0
    assert sum(part["planted"] for part in quality["by_similarity"]) == (
        quality["planted"] + quality["near_misses"]
    )
    assert list(tmp_path.iterdir()) == []


def test_the_same_plants_with_an_index_and_in_any_shards(clean: Path, tmp_path: Path):
    _, first = judged(clean, tmp_path, plant=30)
    for _ in range(2):
        assert judged(clean, tmp_path, tmp_path / "index", plant=30)[1] == first
    json.dumps(first, allow_nan=False)


def test_worse_bands_are_reported_as_worse(clean: Path, tmp_path: Path):
    good, bad = (judged(clean, tmp_path, plant=60, bands=bands, rows=8)[1] for bands in (40, 2))
    assert bad["recall"]["high"] < good["recall"]["low"]


def test_planted_similarities_are_what_the_definition_says(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[tuple[str, str, float]] = []
    real = plants._edited

    def spy(text: str, *rest: object) -> object:
        copy = real(text, *rest)  # type: ignore[arg-type]
        if copy is not None:
            made.append((text, *copy))
        return copy

    monkeypatch.setattr(plants, "_edited", spy)
    judged(clean, tmp_path, plant=100)
    assert len(made) > 150
    assert any(text in NOVEL for text, *_ in made)
    for text, copy, jaccard in made:
        one, other = shingle_set(text), shingle_set(copy)
        assert jaccard == pytest.approx(len(one & other) / len(one | other))
    similarities = sorted(jaccard for *_, jaccard in made)
    assert similarities[0] < 0.65
    assert similarities[-1] > 0.95


def test_a_corpus_without_fit_documents_reports_nothing(tmp_path: Path):
    write_documents(tmp_path / "clean", ["short", "also short"])
    _, quality = judged(tmp_path / "clean", tmp_path, plant=5)
    assert quality["planted"] == quality["near_misses"] == 0
    assert quality["recall"] == {"value": None, "low": None, "high": None}
