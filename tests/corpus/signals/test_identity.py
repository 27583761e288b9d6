"""Who is named and beside what, per document; and select dropping by it, with a ledger row."""

import re

import numpy as np
import pyarrow as pa
import pytest

from tests.corpus.curation_data import stage_outs
from textmill.config.annotate import Annotate
from textmill.config.select import Select
from textmill.corpus.identity.lexicon import load_lexicon
from textmill.corpus.selection.select import select
from textmill.corpus.shards import read_table, shard_paths, write_table
from textmill.corpus.signals.annotator import annotator

OPTIONS = Annotate(families=["identity"])


def measured(*documents):
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([text for text, _ in documents], pa.large_string()),
            pa.array([lang for _, lang in documents], pa.string()),
        ],
        names=["text", "lang"],
    )
    return annotator(OPTIONS)(batch).to_pylist()


def test_words_near_groups_are_counted_in_both_languages():
    rows = measured(
        ("She is kind. He is cruel and stupid! The war was terrible.", "en"),
        ("她很善良。他残忍愚蠢！战争可怕。", "zh"),
        ("Muslim women and old men; a blind man.", "en"),
        ("", "en"),
        ("Elle est là.", "fr"),
    )
    for row in rows[:2]:
        assert (row["identity_mentions"], row["identity_gender"]) == (2, 2)
        # War is terrible, but in a sentence that names nobody.
        assert (row["identity_negative"], row["identity_positive"]) == (2, 1)
        assert row["identity_score"] == pytest.approx(0.5)
    assert rows[2]["identity_mentions"] == 3
    assert {axis: rows[2][f"identity_{axis}"] for axis in ("gender", "age", "religion", "disability")} == {
        "gender": 3, "age": 1, "religion": 1, "disability": 1,
    }  # fmt: skip
    assert rows[3]["identity_mentions"] == 0 and rows[3]["identity_score"] == 0
    assert rows[4]["identity_mentions"] is None and rows[4]["identity_score"] is None


def test_counts_equal_a_plain_reader_of_single_words():
    lexicon = load_lexicon("en")
    group = {t for n, t in enumerate(lexicon.terms) if lexicon.in_group[n].any() and " " not in t}
    bad = lexicon.attributes.index(("valence", "unpleasant"))
    unpleasant = {t for n, t in enumerate(lexicon.terms) if lexicon.in_attribute[n, bad]}
    generator = np.random.default_rng(4)
    names = ["she", "him", "mothers", "uncle", "teenager", "muslims", "brazilian", "wheelchair"]
    assert set(names) <= group
    words = [*names, *sorted(unpleasant)[:10], "tree", "rain", "walked", "."]
    for _ in range(20):
        text = " ".join(generator.choice(words, 60)) + " "
        mentions = negative = 0
        for sentence in re.split(r"\.\s", text):
            found = re.findall(r"\w+", sentence)
            mentions += sum(word in group for word in found)
            negative += sum(word in unpleasant for word in found) * any(word in group for word in found)
        (row,) = measured((text, "en"))
        assert (row["identity_mentions"], row["identity_negative"]) == (mentions, negative)


def test_select_drops_what_exceeds_a_bound_and_says_so(tmp_path):
    texts = [
        "He is cruel, evil and stupid.",
        "他残忍愚蠢可怕。",
        "She is kind.",
        "她很善良。",
        "Il est cruel.",
        "Rain.",
    ]
    ids = stage_outs(tmp_path, texts, lang=["en", "zh", "en", "zh", "fr", "en"])
    operator = annotator(OPTIONS)
    for path in shard_paths(tmp_path / "clean"):
        (batch,) = read_table(path).combine_chunks().to_batches()
        found = pa.Table.from_batches([operator(batch)]).select(["id", *operator.adds.names])
        write_table(tmp_path / "signals" / path.name, found)
    off = dict.fromkeys(Select().rules.model_dump(), False)
    chosen = select(
        tmp_path, Select(rules=off | {"signals": True}, signals={"identity_score": {"max": 1.0}}), seed=1
    )
    rows = {row["id"]: row for row in chosen.ledger.to_pylist()}
    assert set(rows) == set(ids[:2])
    for row in rows.values():
        assert (row["rule"], row["value"], row["threshold"]) == ("signals.identity_score.max", 3.0, "<= 1")
