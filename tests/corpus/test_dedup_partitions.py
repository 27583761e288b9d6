"""Clustering by ranges of band keys: the clusters of one process, whatever the ranges and the workers."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings, edited, write_documents
from textmill.config.dedup import Dedup
from textmill.corpus.dedup import find_duplicates, partitions
from textmill.corpus.engines import Local

WORDS = ["mill", "wheel", "stream", "flour", "dawn", "磨", "坊", "水"]


@dataclass(frozen=True)
class Wide(Local):
    """Has the ranges of many workers, and does all of them in this process, the last first."""

    @property
    def name(self) -> str:
        return "wide"

    @property
    def width(self) -> int:
        return self.workers

    def map(self, what, function, items):
        for place in reversed(range(len(items))):
            yield place, function(items[place])


def alike(count: int, seed: int) -> list[str]:
    """English and Chinese texts in chains of near-duplicates, and copies."""
    chosen = random.Random(seed)
    texts = [*docstrings(count), *NOVEL]
    for text in texts[: len(texts) // 2]:
        texts.append(text := edited(text, 0.02, chosen))
        texts.append(edited(text, 0.02, chosen))
    texts += texts[::9]
    chosen.shuffle(texts)
    return texts


@pytest.mark.parametrize("params", [Dedup(), Dedup(near=False), Dedup(threshold=0.5, bands=30, rows=3)])
@pytest.mark.parametrize("index", [None, "index"])
def test_ranges_give_the_clusters_of_one_process(tmp_path: Path, params: Dedup, index: str | None):
    write_documents(tmp_path / "clean", alike(120, 3), per_shard=50)
    kept = tmp_path / index if index else None
    alone = find_duplicates(tmp_path / "clean", params, 7, tmp_path)
    for workers in (2, 5):
        found = find_duplicates(
            tmp_path / "clean", params, 7, tmp_path, index=kept and kept / str(workers), engine=Wide(workers)
        )
        assert found.equals(alone) and found.num_rows > 30
    assert not [path for path in tmp_path.iterdir() if path.name not in ("clean", "index")]


def test_an_index_made_by_many_is_gone_on_with_by_one_and_by_many(tmp_path: Path):
    texts = alike(120, 4)
    for last, engine in ((2, Wide(3)), (4, Local(1)), (5, Wide(2)), (5, Wide(2))):
        write_documents(tmp_path / "clean", texts[: 60 * last], per_shard=60)
        found = find_duplicates(tmp_path / "clean", Dedup(), 7, tmp_path, index=tmp_path / "i", engine=engine)
        assert found.equals(find_duplicates(tmp_path / "clean", Dedup(), 7, tmp_path))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), max_size=40),
    workers=st.integers(2, 9),
    per_shard=st.integers(1, 50),
)
def test_any_texts_in_any_shards(tmp_path_factory, texts: list[str], workers: int, per_shard: int):
    folder = tmp_path_factory.mktemp("any")
    write_documents(folder / "clean", texts or [""], per_shard=per_shard)
    params = Dedup(shingle=2, bands=20, rows=2, threshold=0.6)
    found = find_duplicates(folder / "clean", params, 1, folder, engine=Wide(workers))
    assert found.equals(find_duplicates(folder / "clean", params, 1, folder))


def test_similarities_do_not_depend_on_how_pairs_are_spread(tmp_path: Path, monkeypatch):
    write_documents(tmp_path / "clean", alike(60, 5), per_shard=40)
    asked = []
    real = partitions.SetsOn.jaccard

    def counted(self, pairs):
        values = real(self, pairs)
        for pair, value in zip(pairs[::7], values[::7], strict=True):
            assert np.isclose(real(self, pair[None])[0], value, rtol=0, atol=0)
        asked.append(len(pairs))
        return values

    monkeypatch.setattr(partitions.SetsOn, "jaccard", counted)
    find_duplicates(tmp_path / "clean", Dedup(), 7, tmp_path, engine=Wide(4))
    assert sum(asked) > 5
