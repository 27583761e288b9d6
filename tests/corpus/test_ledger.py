"""clean − corpus = ledger, row by row, and each row of the ledger is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.corpus.curation_data import real_data
from textmill.config.select import Select
from textmill.corpus.selection.ledger import CODED, LEDGER, write_ledger
from textmill.corpus.selection.select import select, write_corpus
from textmill.corpus.shards import DOCUMENT, read_batches, read_table, shard_paths, write_table
from textmill.corpus.sources.faults import UNREADABLE

PARAMS = {
    "gopher": {"min_words": 12},
    "c4": {"min_sentences": 1, "max_curly_brackets": None},
    "by_language": {"zh": {"gopher": {"min_mean_word_length": None}}},
    "max_contamination": 0.5,
}


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """All rows of a directory of shards, in order."""
    return [row for batch in read_batches(folder) for row in batch.to_pylist()]


@pytest.fixture(scope="module")
def selected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("select")
    real_data(folder)
    chosen = select(folder, Select(**PARAMS), seed=5)
    write_corpus(folder / "clean", folder / "corpus", chosen)
    return folder, chosen


def test_clean_minus_corpus_is_the_ledger_row_by_row(selected):
    folder, chosen = selected
    clean = rows_of(folder / "clean")
    kept = {row["id"]: row for split in ("train", "validation") for row in rows_of(folder / "corpus" / split)}
    ledger = chosen.ledger.to_pylist()
    assert chosen.ledger.schema == CODED
    assert [row["id"] for row in clean if row["id"] not in kept] == [row["id"] for row in ledger]
    assert [row for row in clean if row["id"] in kept] == [
        kept[row["id"]] for row in clean if row["id"] in kept
    ]
    assert len(clean) == len(kept) + len(ledger)
    dropped = {row["id"]: row for row in clean if row["id"] not in kept}
    for row in ledger:
        assert (row["source"], row["lang"]) == (dropped[row["id"]]["source"], dropped[row["id"]]["lang"])
    rules = {row["rule"].split(".")[0] for row in ledger}
    assert rules >= {"empty", "language", "contamination", "gopher", "repetition", "fineweb", "duplicates"}


def test_each_dropped_document_breaks_the_rule_named_and_none_before_it(selected):
    folder, chosen = selected
    signals = {
        row["id"]: row for path in shard_paths(folder / "signals") for row in read_table(path).to_pylist()
    }
    params = Select(**PARAMS)
    order = [
        (f"{family}.{key}", f"{family}_{key.split('_', 1)[1]}", key, getattr(getattr(params, family), key))
        for family in ("gopher", "repetition", "c4", "fineweb")
        for key in type(getattr(params, family)).model_fields
    ]

    def broken(row: dict[str, Any]) -> list[str]:
        names = []
        for name, signal, key, threshold in order:
            value = signals[row["id"]][signal]
            if (row["lang"], key) == ("zh", "min_mean_word_length") or None in (threshold, value):
                continue
            if value < threshold if key.startswith("min") else value > threshold:
                names.append(name)
        return names

    quality = [row for row in chosen.ledger.to_pylist() if row["stage"] == "annotate"]
    assert len(quality) > 100
    for row in quality:
        assert broken(row)[0] == row["rule"]
        signal = row["rule"].replace(".min_", "_").replace(".max_", "_")
        assert row["value"] == signals[row["id"]][signal]
        sign, number = row["threshold"].split(" ")
        assert {">=": row["value"] < float(number), "<=": row["value"] > float(number)}[sign]
    kept = [row for split in ("train", "validation") for row in rows_of(folder / "corpus" / split)]
    assert not any(broken(row) for row in kept)


def test_what_a_dropped_document_matches_is_named(selected):
    folder, chosen = selected
    duplicates = {
        row["id"]: row for row in read_table(folder / "duplicates" / "duplicates.parquet").to_pylist()
    }
    overlaps = {
        row["id"]: row for row in read_table(folder / "contamination" / "contamination.parquet").to_pylist()
    }
    kept = {row["id"] for split in ("train", "validation") for row in rows_of(folder / "corpus" / split)}
    seen = set()
    for row in chosen.ledger.to_pylist():
        seen.add(row["rule"])
        if row["stage"] == "dedup":
            assert row["matched_id"] in kept
            assert duplicates[row["matched_id"]]["cluster"] == duplicates[row["id"]]["cluster"]
            same = duplicates[row["matched_id"]]["identical"] == duplicates[row["id"]]["identical"]
            assert row["rule"] == ("duplicates.exact" if same else "duplicates.near")
        elif row["stage"] == "contamination":
            found = overlaps[row["id"]]
            assert (row["matched_id"], row["value"]) == (found["matched_id"], found["fraction"])
            assert row["value"] > 0.5
        else:
            assert row["matched_id"] is None
    assert seen >= {"duplicates.exact", "duplicates.near", "contamination.summarization"}


def test_the_funnel_adds_up(selected):
    _, chosen = selected
    ledger = chosen.ledger.to_pylist()
    counts = chosen.funnel
    assert counts["documents"]["in"] - counts["documents"]["kept"] == len(ledger)
    assert counts["documents"]["kept"] == counts["documents"]["train"] + counts["documents"]["validation"]
    assert {row["rule"]: row["documents"] for row in counts["dropped"]} == {
        rule: sum(row["rule"] == rule for row in ledger) for rule in {row["rule"] for row in ledger}
    }
    assert counts["dropped"][-1]["left"] == counts["documents"]["kept"]
    for group in ("sources", "languages"):
        for unit in ("documents", "characters"):
            for part, total in counts[unit].items():
                assert sum(each[unit][part] for each in counts[group].values()) == total
        dropped = sum(row["characters"] for each in counts[group].values() for row in each["dropped"])
        assert dropped == counts["characters"]["in"] - counts["characters"]["kept"]


def test_what_could_not_be_read_is_in_the_ledger_beside_the_equation(selected, tmp_path: Path):
    folder, chosen = selected
    for part in ("clean", "signals", "duplicates", "contamination"):
        (tmp_path / part).symlink_to(folder / part)
    lost = [
        {"id": "f" * 32, "source": "library", "lang": "en", "place": "a.jsonl: line 4",
         "reason": "not valid JSON", "expected": "a JSON value on each line"},
        {"id": "e" * 32, "source": "网页", "lang": "zh", "place": "b.warc.gz",
         "reason": "damaged after 3 records", "expected": "an intact WARC file"},
    ]  # fmt: skip
    write_table(tmp_path / "raw" / "unreadable.parquet", pa.Table.from_pylist(lost, UNREADABLE))
    found = select(tmp_path, Select(**PARAMS), seed=5)
    rows = found.ledger.to_pylist()
    of_ingest = [row for row in rows if row["stage"] == "ingest"]
    clean, kept = len(rows_of(folder / "clean")), int(found.kept.sum())
    assert clean == kept + len(rows) - len(of_ingest)
    assert found.ledger.slice(0, chosen.ledger.num_rows).to_pylist() == chosen.ledger.to_pylist()
    assert [(row["id"], row["source"], row["rule"], row["threshold"]) for row in of_ingest] == [
        ("f" * 32, "library", "unreadable", "a JSON value on each line"),
        ("e" * 32, "网页", "unreadable", "an intact WARC file"),
    ]
    assert all(row["value"] is None and row["matched_id"] is None for row in of_ingest)
    assert found.funnel["unreadable"] == {"library": 1, "网页": 1}
    assert found.funnel["documents"] == chosen.funnel["documents"]


def test_the_file_holds_strings(selected, tmp_path: Path):
    _, chosen = selected
    write_ledger(tmp_path / "ledger.parquet", chosen.ledger)
    read = read_table(tmp_path / "ledger.parquet")
    assert read.schema == LEDGER and read.num_rows
    assert read.to_pylist() == chosen.ledger.to_pylist()
    rows = sorted(chosen.ledger.to_pylist(), key=lambda row: row["id"], reverse=True)
    write_ledger(tmp_path / "other.parquet", pa.Table.from_pylist(rows, CODED))
    assert read_table(tmp_path / "other.parquet").to_pylist() == rows


def test_two_runs_write_the_same_bytes(selected, tmp_path: Path):
    folder, chosen = selected
    again = select(folder, Select(**PARAMS), seed=5)
    assert again.ledger.equals(chosen.ledger)
    assert again.funnel == chosen.funnel
    write_corpus(folder / "clean", tmp_path / "corpus", again)
    for split in ("train", "validation"):
        one, other = (shard_paths(each / "corpus" / split) for each in (folder, tmp_path))
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
        assert all(read_table(path).schema == DOCUMENT for path in other)


def test_an_earlier_corpus_is_replaced_whole(selected, tmp_path: Path):
    folder, chosen = selected
    stale = tmp_path / "corpus" / "train" / "part-00007.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier run")
    write_corpus(folder / "clean", tmp_path / "corpus", chosen)
    assert not stale.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus"]


def test_a_write_that_fails_leaves_the_earlier_corpus(selected, tmp_path: Path):
    folder, chosen = selected
    write_corpus(folder / "clean", tmp_path / "corpus", chosen)
    before = {path: path.read_bytes() for path in (tmp_path / "corpus").rglob("*.parquet")}

    def full(documents: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_corpus(folder / "clean", tmp_path / "corpus", chosen, full)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before


def test_nothing_dropped_is_an_empty_ledger(selected):
    folder, _ = selected
    off = dict.fromkeys(Select().rules.model_dump(), False)
    chosen = select(folder, Select(rules=off), seed=5)
    assert chosen.ledger.cast(LEDGER).equals(pa.Table.from_pylist([], LEDGER))
    assert chosen.kept.all()
