"""Duplicates against exact all-pairs Jaccard similarity on real documents."""

from __future__ import annotations

import random
import tempfile
import time
import unicodedata
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_texts import NOVEL, docstrings, edited, identity, write_documents
from textmill.config.dedup import Dedup
from textmill.corpus.dedup import DUPLICATE, find_duplicates
from textmill.corpus.minhash import Band, MinHash
from textmill.corpus.shingle_sets import ShingleSets, ShingleSpool
from textmill.corpus.shingles import mixed
from textmill.errors import UserError

TOKEN = regex.compile(r"\p{Han}|[^\W_\p{Han}]+")


def shingle_set(text: str, size: int = 5) -> frozenset[tuple[str, ...]]:
    """The shingles as sets of strings, straight from the definition."""
    words = TOKEN.findall(unicodedata.normalize("NFKC", text).lower())
    return frozenset(
        tuple(words[i : i + size]) for i in range(max(len(words) - size + 1, min(len(words), 1)))
    )


def similar_pairs(texts: list[str], threshold: float) -> set[tuple[int, int]]:
    """All pairs of at least `threshold`, by comparing every two documents that share a shingle."""
    sets = [shingle_set(text) for text in texts]
    holders = defaultdict(list)
    for number, shingles in enumerate(sets):
        for shingle in shingles:
            holders[shingle].append(number)
    pairs = {pair for group in holders.values() for pair in combinations(group, 2)}
    return {(a, b) for a, b in pairs if len(sets[a] & sets[b]) / len(sets[a] | sets[b]) >= threshold}


def joined_pairs(count: int, pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """All pairs that are connected by pairs."""
    leader = list(range(count))

    def find(node: int) -> int:
        while leader[node] != node:
            node = leader[node]
        return node

    for a, b in pairs:
        leader[find(a)] = find(b)
    groups = defaultdict(list)
    for node in range(count):
        groups[find(node)].append(node)
    return {pair for group in groups.values() for pair in combinations(group, 2)}


def clustered_pairs(found: pa.Table, ids: list[str]) -> set[tuple[int, int]]:
    """All pairs of documents in the same cluster."""
    number = {name: place for place, name in enumerate(ids)}
    groups = defaultdict(list)
    for row in found.to_pylist():
        groups[row["cluster"]].append(number[row["id"]])
    return {pair for group in groups.values() for pair in combinations(sorted(group), 2)}


@pytest.fixture(scope="module")
def mixed_texts() -> list[str]:
    """Real documents of both languages, and copies of them that were edited more or less."""
    chosen = random.Random(3)
    texts = list(docstrings(2000))
    originals = [*texts[::4], *(NOVEL * 12)]
    copies = [
        edited(text, chosen.choice((0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)), chosen) for text in originals
    ]
    return [*texts, *NOVEL, *copies]


@pytest.fixture(scope="module")
def mixed_clusters(
    mixed_texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[pa.Table, list[str]]:
    folder = tmp_path_factory.mktemp("dedup")
    ids = write_documents(folder / "clean", mixed_texts)
    return find_duplicates(folder / "clean", Dedup(), 7, folder), ids


def test_clusters_are_those_of_exact_all_pairs_similarity(mixed_texts, mixed_clusters):
    found, ids = mixed_clusters
    expected = joined_pairs(len(mixed_texts), similar_pairs(mixed_texts, 0.8))
    ours = clustered_pairs(found, ids)
    assert len(expected) > 400
    assert len(ours & expected) / len(ours) >= 0.999
    assert len(ours & expected) / len(expected) >= 0.99


def test_similarity_with_the_representative_is_exact(mixed_texts, mixed_clusters):
    found, ids = mixed_clusters
    text = dict(zip(ids, mixed_texts, strict=True))
    near = [row for row in found.to_pylist() if row["kind"] == "near"]
    assert len(near) > 60
    for row in near:
        one, other = shingle_set(text[row["id"]]), shingle_set(text[row["representative"]])
        assert row["jaccard"] == pytest.approx(len(one & other) / len(one | other), abs=1e-6)


def test_the_representative_is_the_longest_document_of_its_cluster(mixed_texts, mixed_clusters):
    found, ids = mixed_clusters
    length = {name: len(text) for name, text in zip(ids, mixed_texts, strict=True)}
    clusters = defaultdict(list)
    for row in found.to_pylist():
        clusters[row["cluster"]].append(row)
    for cluster, rows in clusters.items():
        members = [row["id"] for row in rows]
        assert len(members) > 1
        assert cluster == min(members)
        assert {row["representative"] for row in rows} == {max(sorted(members), key=length.__getitem__)}


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("The  Mill\ngrinds slowly, but it grinds.", "the mill grinds slowly, but it grinds.", "exact"),
        ("Ｔｈｅ ｍｉｌｌ grinds slowly", "the mill grinds slowly", "exact"),
        ("the mill grinds slowly; but it grinds", "The mill grinds slowly, but it grinds!", "near"),
        (NOVEL[0], NOVEL[0].replace("，", " "), "near"),
        (NOVEL[3], NOVEL[3] + "。", "near"),
        (NOVEL[1], NOVEL[1], "exact"),
    ],
)
def test_what_counts_as_exact_and_as_near(tmp_path: Path, one: str, other: str, kind: str):
    write_documents(tmp_path / "clean", [one, "Something else entirely, which shares no shingle.", other])
    found = find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path).to_pylist()
    assert {row["id"] for row in found} == {identity(0), identity(2)}
    other_row = next(row for row in found if row["id"] != row["representative"])
    assert (other_row["kind"], other_row["jaccard"]) == (kind, 1.0)
    assert (len({row["identical"] for row in found}) == 1) == (kind == "exact")


def test_documents_without_a_word_are_only_duplicates_when_equal(tmp_path: Path):
    write_documents(tmp_path / "clean", ["!!!", "???", "…", "???", ""])
    found = find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path)
    assert sorted(found["id"].to_pylist()) == sorted([identity(1), identity(3)])


def test_near_false_finds_exact_duplicates_only(tmp_path: Path):
    text = docstrings()[5]
    write_documents(tmp_path / "clean", [text, text + " More.", text.upper()])
    found = find_duplicates(tmp_path / "clean", Dedup(near=False), 1, tmp_path)
    assert set(found["id"].to_pylist()) == {identity(0), identity(2)}
    assert set(found["kind"].to_pylist()) == {"exact"}


def test_no_document_and_no_duplicate_give_an_empty_table(tmp_path: Path):
    write_documents(tmp_path / "none", [])
    write_documents(tmp_path / "one", ["A single document."])
    for name in ("none", "one"):
        found = find_duplicates(tmp_path / name, Dedup(), 1, tmp_path)
        assert found.num_rows == 0
        assert found.schema == DUPLICATE


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 80), st.integers(0, 2**31 - 1))
def test_order_and_shards_do_not_change_the_clusters(tmp_path_factory, order, per_shard, seed):
    chosen = random.Random(1)
    base = [*docstrings(40), *NOVEL]
    texts = base + [edited(text, 0.02, chosen) for text in base]
    ids = [identity(number) for number in range(len(texts))]
    first = tmp_path_factory.mktemp("first")
    write_documents(first / "clean", texts, ids=ids)
    places = list(range(len(texts)))
    order.shuffle(places)
    second = tmp_path_factory.mktemp("second")
    write_documents(second / "clean", [texts[p] for p in places], per_shard, [ids[p] for p in places])
    expected = find_duplicates(first / "clean", Dedup(), seed, first)
    assert expected.num_rows > 40
    assert find_duplicates(second / "clean", Dedup(), seed, second).equals(expected)


def test_nothing_temporary_is_left(tmp_path: Path):
    write_documents(tmp_path / "clean", list(docstrings(50)))
    (tmp_path / "scratch").mkdir()
    find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_missing_and_damaged_shards_are_named(tmp_path: Path):
    with pytest.raises(UserError, match="clean: expected shards"):
        find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path)
    write_documents(tmp_path / "clean", ["text"])
    (tmp_path / "clean" / "part-00000.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(UserError, match=r"part-00000\.parquet: expected a readable Parquet file"):
        find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path)


def test_candidates_are_found_as_often_as_the_banding_formula_says():
    """1 - (1 - s^rows)^bands for large sets, where one-permutation sketches equal independent hashes."""
    random_ = np.random.default_rng(5)
    sketch = MinHash(bands=10, rows=4, seed=11)
    for similarity in (0.4, 0.6, 0.8):
        hits, trials, size = 0, 400, 900
        shared = round(2 * size * similarity / (1 + similarity))
        for _ in range(trials):
            values = random_.integers(0, 2**64, 2 * size - shared, np.uint64, endpoint=False)
            sets = np.concatenate((values[:size], values[size - shared :]))
            keys = sketch.band_keys(sets, np.array([0, size, 2 * size]))
            hits += bool((keys[0] == keys[1]).any())
        expected = 1 - (1 - similarity**4) ** 10
        deviation = (expected * (1 - expected) / trials) ** 0.5
        assert abs(hits / trials - expected) < 4 * deviation + 0.02


def test_every_pair_of_a_bucket_is_a_candidate_once():
    keys = np.array([9, 5, 9, 7, 5, 9, 9, 2**64 - 1, 2**64 - 1], np.uint64)
    band = Band(keys)
    neighbours = [tuple(pair) for pair in band.neighbours().tolist()]
    others = [tuple(pair) for block in band.others(np.arange(9)) for pair in block.tolist()]
    assert sorted(neighbours + others) == [(0, 2), (0, 5), (0, 6), (1, 4), (2, 5), (2, 6), (5, 6)]
    one_component = np.where(keys == 9, 0, np.arange(9))
    assert list(band.others(one_component)) == []
    assert len(Band(np.zeros(0, np.uint64)).neighbours()) == 0


def test_thousands_of_alike_documents_take_no_quadratic_time(tmp_path: Path):
    """A template with one word that differs: every pair is a near-duplicate, few have to be looked at."""
    template = " ".join(f"word{number}" for number in range(60))
    write_documents(tmp_path / "clean", [f"{template} number {number}" for number in range(20_000)])
    started = time.process_time()
    found = find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path)
    assert time.process_time() - started < 10
    assert (found.num_rows, len(found["cluster"].unique())) == (20_000, 1)


BAGS = st.lists(st.lists(st.integers(0, 40), max_size=25), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(BAGS, st.data())
def test_jaccard_of_hashed_bags(tmp_path_factory, bags, data):
    chosen = sorted(data.draw(st.permutations(range(len(bags))))[: data.draw(st.integers(2, len(bags)))])
    sets = [frozenset(bags[number]) for number in chosen]
    pairs = np.array(list(combinations(range(len(sets)), 2)))
    sizes = np.array([len(bag) for bag in bags])
    with ShingleSpool(tmp_path_factory.getbasetemp()) as spool, ShingleSpool(tempfile.gettempdir()) as more:
        for stored, part in ((spool, bags[:2]), (spool, bags[2:4]), (more, bags[4:])):
            stored.append(mixed(np.array([value + 1 for bag in part for value in bag], np.uint64)))
        begin = np.cumsum(sizes) - sizes
        begin[4:] -= sizes[:4].sum()
        file = np.arange(len(bags)) // 4
        stored = ShingleSets([spool.sealed(), more.sealed()], file[chosen], begin[chosen], sizes[chosen])
        ours = stored.jaccard(pairs)
    expected = [len(sets[a] & sets[b]) / (len(sets[a] | sets[b]) or 1) for a, b in pairs]
    assert ours.tolist() == expected
