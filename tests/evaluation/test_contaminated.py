"""Contamination figures beside scores: planted overlaps are counted, and what select dropped is left out."""

import pyarrow as pa
import pytest

from textmill.corpus.shards import write_table
from textmill.evaluation.contaminated import NONE, SHARES, contamination_of


@pytest.fixture
def data(tmp_path):
    rows = {
        "set": ["reviews", "reviews", "reviews", "other"], "id": ["r1", "r1", "r2", "r3"],
        "column": ["input", "target", "input", "input"], "text": ["a"] * 4, "fraction": [0.2, 1.0, 0.1, 1.0],
    }  # fmt: skip
    documents = {
        "id": ["d1", "d2", "d3", "d4"], "task": ["reviews", "reviews", "reviews", "other"],
        "matched_id": ["r1", "r2", "validation-row", "r3"], "ngrams": [5, 1, 9, 9],
        "fraction": [1.0, 0.1, 0.9, 1.0],
    }  # fmt: skip
    write_table(tmp_path / "contamination/rows.parquet", pa.table(rows))
    write_table(tmp_path / "contamination/contamination.parquet", pa.table(documents))
    write_table(tmp_path / "ledger/ledger.parquet", pa.table({"id": ["d1", "d9"]}))
    return tmp_path


def test_rows_and_documents_are_counted_and_dropped_documents_are_not_kept(data):
    figures, parts = contamination_of(data, "reviews", ["r1", "r2", "r3", "r4"])
    assert parts == [SHARES, SHARES, NONE, NONE]
    assert figures["rows"] == 4 and figures["rows_found"]["value"] == 0.5 and figures["rows_found"]["n"] == 2
    assert figures["rows_found"]["low"] < 0.5 < figures["rows_found"]["high"]
    assert figures["rows_whole"] == 1
    # d3 overlaps with a validation row; d1 was dropped.
    assert figures["documents"] == 2 and figures["documents_kept"] == 1
    assert figures["largest_kept"] == pytest.approx(0.1)


def test_a_task_without_overlaps_says_so(data):
    figures, parts = contamination_of(data, "clean", ["x"])
    assert figures["rows_found"]["value"] == 0 and parts == [NONE] and figures["documents"] == 0


def test_nothing_is_told_where_contamination_did_not_run(tmp_path):
    assert contamination_of(tmp_path, "reviews", ["r1"]) is None
