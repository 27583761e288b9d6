"""Which document of a cluster is kept, by preference of sources and within or across them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_data import stage_outs
from tests.corpus.curation_texts import NOVEL, docstrings
from textmill.config.load import validated
from textmill.config.select import Select
from textmill.corpus.selection.select import Selection, select
from textmill.corpus.shards import read_table

OFF = dict.fromkeys(Select().rules.model_dump(), False)
SOURCES = ("web", "books", "wiki")


def chosen_from(data: Path, **duplicates: object) -> Selection:
    values = {"rules": {**OFF, "duplicates": True}, "duplicates": duplicates}
    return select(data, validated(Select, values, "params.yaml", "select"), seed=1)


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str, str]]]:
    """Two clusters of which each source has two documents, more alike documents, and some alone."""
    folder = tmp_path_factory.mktemp("policy")
    long_, chinese = max(docstrings(300), key=len), NOVEL[1]
    texts, source = [], []
    for number, name in enumerate([*SOURCES, *reversed(SOURCES)]):
        texts += [long_ + " More." * number, chinese + "。" * (6 - number)]
        source += [name, name]
    texts += [*docstrings(6), docstrings(6)[0]]
    source += ["web"] * 7
    ids = stage_outs(folder, texts, source=source)
    return folder, list(zip(ids, texts, source, strict=True))


def clusters(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in read_table(folder / "duplicates" / "duplicates.parquet").to_pylist():
        found.setdefault(row["cluster"], set()).add(row["id"])
    return found


@settings(max_examples=40, deadline=None)
@given(
    st.permutations(SOURCES).flatmap(lambda names: st.integers(0, 3).map(lambda most: tuple(names[:most]))),
    st.sampled_from(["everywhere", "within", "across"]),
)
def test_who_wins_and_what_the_ledger_says(documents, prefer, scope):
    folder, rows = documents
    chosen = chosen_from(folder, prefer=prefer, scope=scope)
    gone = {row["id"]: row for row in chosen.ledger.to_pylist()}
    groups = clusters(folder)
    assert sorted(map(len, groups.values())) == [2, 6, 6]
    preference = {name: place for place, name in enumerate(prefer)}
    expected = {}
    for members in groups.values():
        inside = [row for row in rows if row[0] in members]
        for name in SOURCES if scope == "within" else (None,):
            ranked = sorted(
                (row for row in inside if name in (None, row[2])),
                key=lambda row: (preference.get(row[2], 3), -len(row[1]), SOURCES.index(row[2]), row[0]),
            )
            for row in ranked[1:]:
                if scope != "across" or row[2] != ranked[0][2]:
                    expected[row[0]] = ranked[0][0]
    assert {name: row["matched_id"] for name, row in gone.items()} == expected
    thresholds = {"everywhere": "one per cluster", "within": "one per cluster and source",
                  "across": "one source per cluster"}  # fmt: skip
    assert {row["threshold"] for row in gone.values()} == {thresholds[scope]}


def test_a_preferred_source_that_does_not_exist_is_reported(documents):
    assert chosen_from(documents[0], prefer=["boks", "wiki"]).notes == [
        "select.duplicates.prefer: no document is from boks"
    ]
