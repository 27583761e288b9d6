"""What select cuts out: one of each repeat stays, nothing else changes, and all of it is written down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.corpus.curation_data import stage_outs
from tests.corpus.curation_texts import NOVEL, docstrings
from textmill.config.cuts import Cuts
from textmill.config.dedup import Dedup, RepeatedLines, RepeatedSubstrings
from textmill.config.select import Rules, Select
from textmill.corpus.repeats.find import find_repeats
from textmill.corpus.repeats.lines import repeated_lines
from textmill.corpus.repeats.substrings import repeated_substrings
from textmill.corpus.selection.select import select, write_corpus
from textmill.corpus.shards import read_table, shard_paths, write_table
from textmill.errors import UserError

FOOTER = "Copyright 2026 Example Press. All rights reserved."
CHINESE_FOOTER = "版权所有，未经许可，不得转载。本站内容仅供学习参考之用。"
OFF = dict.fromkeys(Rules.model_fields, False)


def plain(line: str) -> str:
    return "".join(line.lower().split())


def data(folder: Path, texts: list[str], substrings: RepeatedSubstrings | None = None) -> list[str]:
    ids = stage_outs(folder, texts)
    duplicates = read_table(folder / "duplicates/duplicates.parquet")
    params = Dedup(lines=RepeatedLines(), substrings=substrings)
    spans = find_repeats(folder / "clean", params, duplicates, folder)
    write_table(folder / "duplicates/spans.parquet", spans)
    return ids


def params(**cuts) -> Select:
    return Select(cuts=Cuts(repeats=True, **cuts), rules=Rules(**OFF), validation_fraction=0.2)


def corpus_of(folder: Path, selection) -> dict[str, str]:
    write_corpus(folder / "clean", folder / "corpus", selection)
    tables = [
        read_table(path)
        for split in ("train", "validation")
        for path in shard_paths(folder / "corpus" / split)
    ]
    return {row["id"]: row["text"] for table in tables for row in table.to_pylist()}


def texts_with_footers() -> list[str]:
    english, chinese = list(docstrings(12)), list(NOVEL)
    return [f"{text}\n{FOOTER}" for text in english] + [f"{text}\n{CHINESE_FOOTER}" for text in chinese]


def test_the_first_of_each_repeat_in_kept_documents_stays(tmp_path) -> None:
    texts = texts_with_footers()
    ids = data(tmp_path, texts)
    excluded = params().model_copy(update={"exclude": (ids[0],), "rules": Rules(**OFF | {"exclude": True})})
    for settings, first in ((params(), 0), (excluded, 1)):
        chosen = select(tmp_path, settings, 1)
        found = corpus_of(tmp_path, chosen)
        with_footer = [ids.index(key) for key, text in found.items() if FOOTER in text]
        assert with_footer == [first] or sorted(with_footer) == [first]
        assert sum(CHINESE_FOOTER in text for text in found.values()) == 1
        counts = Counter(plain(line) for key in found for line in texts[ids.index(key)].split("\n"))
        for key, text in found.items():
            lines = iter(texts[ids.index(key)].split("\n"))
            assert all(line in lines for line in text.split("\n")), "lines changed, or their order"
            gone = Counter(texts[ids.index(key)].split("\n")) - Counter(text.split("\n"))
            assert all(counts[plain(line)] > 1 and len(plain(line)) >= 20 for line in gone)
        cut = chosen.cut.to_pylist()
        lost = {key: len(texts[ids.index(key)]) - len(text) for key, text in found.items()}
        assert {row["rule"] for row in cut} == {"repeated.line"}
        assert all(row["characters"] <= lost[row["id"]] <= row["characters"] + 2 for row in cut)
        assert {row["id"] for row in cut} == {key for key, count in lost.items() if count}
        assert chosen.funnel["cut"][0]["documents"] == len(cut)
    kept_twice = corpus_of(tmp_path, select(tmp_path, params(keep=2), 1))
    assert sum(FOOTER in text for text in kept_twice.values()) == 2


def test_nothing_repeated_is_left_after_cutting(tmp_path) -> None:
    passage = " ".join(f"word{number}" for number in range(60))
    other = [text for text in docstrings(80) if len(text) > 900][-3:]
    around = [f"{other[0]} {passage} After it.", f"{other[1]} {passage}", f"{passage} {other[2]}"]
    data(tmp_path, [*texts_with_footers(), *around], RepeatedSubstrings(min_tokens=40))
    assert repeated_substrings(tmp_path / "clean", 40, tmp_path).num_rows >= 3
    found = corpus_of(tmp_path, select(tmp_path, params(min_characters=1), 1))
    table = pa.table({"id": list(found), "text": pa.array(found.values(), pa.large_string())})
    write_table(tmp_path / "again/part-00000.parquet", table)
    assert repeated_lines(tmp_path / "again", "line", 20).num_rows == 0
    assert repeated_substrings(tmp_path / "again", 40, tmp_path).num_rows == 0


def test_a_document_of_repeats_only_is_dropped_and_the_ledger_says_why(tmp_path) -> None:
    texts = [*texts_with_footers(), f"{FOOTER}\nshort"]
    ids = data(tmp_path, texts)
    chosen = select(tmp_path, params(min_characters=20), 1)
    (row,) = chosen.ledger.to_pylist()
    assert (row["id"], row["rule"], row["value"], row["threshold"]) == (
        ids[-1],
        "cuts.too_short",
        5.0,
        ">= 20",
    )
    assert ids[-1] not in corpus_of(tmp_path, chosen) and ids[-1] not in chosen.cut["id"].to_pylist()
    assert chosen.kept.sum() + chosen.ledger.num_rows == len(texts)


def test_lines_that_annotate_rejects_are_cut_wherever_they_stand(tmp_path) -> None:
    texts = texts_with_footers()
    ids = data(tmp_path, texts)
    for path in shard_paths(tmp_path / "signals"):
        table = read_table(path)
        lines = [
            [{"start": 0, "end": 4, "rule": "c4.javascript"}] if key in ids[:3] else []
            for key in table["id"].to_pylist()
        ]
        kind = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("rule", pa.string())]))
        write_table(path, table.append_column("cut_lines", pa.array(lines, kind)))
    chosen = select(tmp_path, Select(cuts=Cuts(lines=True), rules=Rules(**OFF)), 1)
    found = corpus_of(tmp_path, chosen)
    assert all(found[key] == text[4 * (key in ids[:3]) :] for key, text in zip(ids, texts, strict=True))
    assert chosen.cut.to_pylist()[0] == {"id": ids[0], "rule": "c4.javascript", "spans": 1, "characters": 4}


def test_cuts_that_nobody_looked_for_are_named(tmp_path) -> None:
    stage_outs(tmp_path, texts_with_footers())
    with pytest.raises(UserError, match=r"spans\.parquet: not found; select\.cuts\.repeats needs repeats"):
        select(tmp_path, params(), 1)
    with pytest.raises(UserError, match=r"no column cut_lines, which select\.cuts\.lines needs"):
        select(tmp_path, Select(cuts=Cuts(lines=True)), 1)


def test_without_cuts_texts_are_byte_for_byte_those_of_clean(tmp_path) -> None:
    texts = texts_with_footers()
    ids = data(tmp_path, texts)
    chosen = select(tmp_path, Select(rules=Rules(**OFF)), 1)
    assert corpus_of(tmp_path, chosen) == dict(zip(ids, texts, strict=True))
    assert "cut" not in chosen.funnel and chosen.cut.num_rows == 0
    assert pq.read_schema(tmp_path / "duplicates/spans.parquet").names[-1] == "group"
