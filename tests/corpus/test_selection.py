"""Which documents are kept: rules, thresholds by source and language, clusters, splits, and clear errors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.corpus.curation_data import real_data, stage_outs
from tests.corpus.curation_texts import NOVEL, docstrings, identity
from textmill.config.load import validated
from textmill.config.select import Select
from textmill.corpus.selection.catalogue import Catalogue
from textmill.corpus.selection.rules import rules_of
from textmill.corpus.selection.select import Selection, select
from textmill.corpus.selection.splits import validation_documents
from textmill.corpus.shards import read_table, shard_name, write_table
from textmill.errors import UserError

OFF = dict.fromkeys(Select().rules.model_dump(), False)


def params(**values: object) -> Select:
    """The params, as from a file; only the rules named in `on` are in force."""
    on = values.pop("on", ())
    rules = {**OFF, **dict.fromkeys(on, True)}
    return validated(Select, {"rules": rules, **values}, "params.yaml", "select")


def dropped(chosen: Selection) -> dict[str, str]:
    """The rule by id."""
    return {row["id"]: row["rule"] for row in chosen.ledger.to_pylist()}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    real_data(folder)
    return folder


def values_of(data: Path, column: str) -> dict[str, float]:
    table = pa.concat_tables([read_table(path) for path in sorted((data / "signals").glob("*.parquet"))])
    return dict(zip(table["id"].to_pylist(), table[column].to_pylist(), strict=True))


def test_chinese_and_japanese_are_measured_in_characters_by_default():
    rules = {rule.name: rule for rule in rules_of(Select())}
    for lang, fewest, shortest in (("en", 50, 3), ("zh", 75, np.nan), ("ja", 75, np.nan)):
        assert rules["gopher.min_words"].threshold_for("any", lang) == fewest
        np.testing.assert_equal(rules["gopher.min_mean_word_length"].threshold_for("any", lang), shortest)
    assert rules["gopher.min_stop_words"].threshold_for("any", "zh") == 2


def test_a_threshold_may_differ_by_language_and_source(data: Path):
    words = values_of(data, "gopher_words")
    chosen = select(
        data,
        params(
            on=["gopher"],
            gopher={
                "min_words": 30,
                "min_mean_word_length": None,
                "min_alpha_words": None,
                "max_symbol_ratio": None,
                "max_mean_word_length": None,
                "max_bullet_lines": None,
                "min_stop_words": None,
            },
            by_language={"zh": {"gopher": {"min_words": 120}}},
            by_source={"copies": {"gopher": {"min_words": 60}}, "odd": {"gopher": {"min_words": None}}},
        ),
        seed=1,
    )
    limits = {"library": 30, "copies": 60, "odd": 0, "novel": 120}
    table = pa.concat_tables([read_table(path) for path in sorted((data / "clean").glob("*.parquet"))])
    expected = {
        row["id"]
        for row in table.select(["id", "source"]).to_pylist()
        if words[row["id"]] < limits[row["source"]]
    }
    assert len(expected) > 50
    assert set(dropped(chosen)) == expected
    assert {row["threshold"] for row in chosen.ledger.to_pylist()} == {">= 30", ">= 60", ">= 120"}


def test_any_other_signal_can_be_bounded(data: Path):
    characters = values_of(data, "characters")
    chosen = select(data, params(on=["signals"], signals={"characters": {"min": 100, "max": 900}}), seed=1)
    expected = {
        name: "signals.characters.min" if value < 100 else "signals.characters.max"
        for name, value in characters.items()
        if not 100 <= value <= 900
    }
    assert dropped(chosen) == expected
    assert set(expected.values()) == {"signals.characters.min", "signals.characters.max"}


def test_a_value_on_the_threshold_is_kept(data: Path):
    characters = values_of(data, "characters")
    value = sorted(characters.values())[300]
    chosen = select(
        data, params(on=["signals"], signals={"characters": {"min": value, "max": value}}), seed=1
    )
    assert {name for name, count in characters.items() if count == value} == set(characters) - set(
        dropped(chosen)
    )


def test_a_rule_with_an_unknown_signal_names_the_known(data: Path):
    with pytest.raises(
        UserError, match=r"select\.signals\.toxicity\.max: .* no signal toxicity\. Known signals: char"
    ):
        select(data, params(on=["signals"], signals={"toxicity": {"max": 0.5}}), seed=1)


def test_a_signal_that_no_rule_in_force_uses_may_be_absent(data: Path, tmp_path: Path):
    for part in ("clean", "duplicates", "contamination", "raw"):
        (tmp_path / part).symlink_to(data / part)
    for path in sorted((data / "signals").glob("*.parquet")):
        table = read_table(path)
        fewer = table.drop_columns([name for name in table.column_names if name.startswith("c4_")])
        write_table(tmp_path / "signals" / path.name, fewer)
    with pytest.raises(UserError, match=r"select\.c4\.min_sentences"):
        select(tmp_path, params(on=["c4"]), seed=1)
    assert select(tmp_path, params(on=["gopher"]), seed=1).kept.any()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gopher": {"min_wrods": 3}}, r"select\.gopher\.min_wrods: unknown key\. Did you mean min_words"),
        ({"gopher": {"min_words": "many"}}, r"gopher\.min_words: .*found 'many' \(str\)"),
        ({"by_source": {"x": {"c4": {"sentences": 3}}}}, r"by_source\.x\.c4\.sentences: unknown key"),
        ({"validation_fraction": 1.5}, r"validation_fraction: .*less than 1"),
        ({"rules": {"gophre": True}}, r"rules\.gophre: unknown key\. Did you mean gopher"),
    ],
)
def test_a_mistake_in_the_params_is_named(values: dict, message: str):
    with pytest.raises(UserError, match=message):
        validated(Select, values, "params.yaml", "select")


def test_language_is_not_asked_of_an_exempt_source(data: Path):
    french = identity(756)
    assert dropped(select(data, params(on=["language"]), seed=1)) == {french: "language"}
    exempt = params(on=["language"], by_source={"odd": {"any_language": True}})
    assert dropped(select(data, exempt, seed=1)) == {}


def test_listed_documents_are_left_out_and_unknown_ids_are_reported(data: Path):
    chosen = select(data, params(on=["exclude"], exclude=[identity(3), identity("nobody")]), seed=1)
    assert dropped(chosen) == {identity(3): "exclude"}
    assert any(identity("nobody") in note for note in chosen.notes)


def test_a_source_that_does_not_exist_is_reported(data: Path):
    chosen = select(data, params(by_source={"libary": {"any_language": True}}), seed=1)
    assert chosen.notes == [
        "select.by_source: no document is from libary; the sources are library, novel, copies, odd"
    ]


def test_documents_with_personal_data_are_dropped_on_request(tmp_path: Path):
    english, chinese = docstrings(6), NOVEL[:3]
    ids = stage_outs(tmp_path, [*english, *chinese], source=["web"] * 6 + ["novel"] * 3)
    path = tmp_path / "clean" / shard_name(0)
    counts = {"pii_email": [0, 3, 1, 0, 0, 0, 0, 2, 0], "pii_iban": [0, 0, 0, 0, 1, 0, 0, 0, 0]}
    table = read_table(path)
    for name, column in counts.items():
        table = table.append_column(name, pa.array(column, pa.int32()))
    write_table(path, table)
    limits = {"email": 1, "iban": 0}
    chosen = select(tmp_path, params(on=["pii"], pii=limits), seed=1)
    assert [tuple(row.values()) for row in chosen.ledger.select(
        ["id", "stage", "rule", "value", "threshold"]).to_pylist()
    ] == [
        (ids[1], "clean", "pii.email", 3.0, "<= 1"),
        (ids[4], "clean", "pii.iban", 1.0, "<= 0"),
        (ids[7], "clean", "pii.email", 2.0, "<= 1"),
    ]  # fmt: skip
    spared = params(on=["pii"], pii=limits, by_source={"novel": {"pii": {"email": None}}})
    assert dropped(select(tmp_path, spared, seed=1)) == {ids[1]: "pii.email", ids[4]: "pii.iban"}
    with pytest.raises(UserError, match=r"select\.pii\.name: data/clean has no column pii_name"):
        select(tmp_path, params(on=["pii"], pii={"name": 0}), seed=1)


def test_contamination_is_dropped_above_the_allowed_fraction(data: Path):
    found = read_table(data / "contamination" / "contamination.parquet").to_pylist()
    assert 0 < sum(row["fraction"] > 0.9 for row in found) < len(found)
    for allowed in (0.0, 0.9):
        chosen = select(data, params(on=["contamination"], max_contamination=allowed), seed=1)
        assert set(dropped(chosen)) == {row["id"] for row in found if row["fraction"] > allowed}


def test_one_document_of_each_cluster_is_kept_the_longest_that_passes(data: Path):
    table = pa.concat_tables([read_table(path) for path in sorted((data / "clean").glob("*.parquet"))])
    order = {row["id"]: place for place, row in enumerate(table.to_pylist())}
    length = {row["id"]: len(row["text"]) for row in table.to_pylist()}
    clusters: dict[str, list[str]] = {}
    for row in read_table(data / "duplicates" / "duplicates.parquet").to_pylist():
        clusters.setdefault(row["cluster"], []).append(row["id"])
    limits = {"min": 0, "max": 700}
    for rules in (["duplicates"], ["duplicates", "signals"]):
        chosen = select(data, params(on=rules, signals={"characters": limits}), seed=1)
        gone = dropped(chosen)
        for members in clusters.values():
            passing = [name for name in members if rules == ["duplicates"] or length[name] <= 700]
            kept = [name for name in members if name not in gone]
            # The sources are library, novel, copies, odd, in this order in the data.
            assert kept == sorted(passing, key=lambda name: (-length[name], order[name] >= 604, name))[:1]
            assert all(chosen.kept[order[name]] for name in kept)


def test_no_cluster_straddles_the_splits(data: Path):
    table = pa.concat_tables(
        [read_table(path, ["id"]) for path in sorted((data / "clean").glob("*.parquet"))]
    )
    place = {name: number for number, name in enumerate(table["id"].to_pylist())}
    chosen = select(data, params(validation_fraction=0.4), seed=3)
    clusters: dict[str, set[bool]] = {}
    for row in read_table(data / "duplicates" / "duplicates.parquet").to_pylist():
        clusters.setdefault(row["cluster"], set()).add(bool(chosen.validation[place[row["id"]]]))
    assert all(len(sides) == 1 for sides in clusters.values())
    assert {side for sides in clusters.values() for side in sides} == {True, False}


def catalogue(ids: list[str], langs: list[str]) -> Catalogue:
    names = list(dict.fromkeys(langs))
    lang = np.array([names.index(each) for each in langs])
    zeros = np.zeros(len(ids), np.int64)
    return Catalogue(np.array(ids, "S32"), zeros, lang, zeros + 1, ["source"], names)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(200, 3000), st.sampled_from([0.02, 0.1, 0.5]))
def test_the_split_has_the_size_asked_for_and_is_stable(seed: int, count: int, fraction: float):
    ids = [identity((seed, number)) for number in range(count)]
    chosen = validation_documents(catalogue(ids, ["en"] * count), np.arange(count), fraction, seed)
    deviation = (fraction * (1 - fraction) * count) ** 0.5
    assert abs(chosen.sum() - fraction * count) <= 5 * deviation + 1
    more = ids + [identity(("more", number)) for number in range(count)]
    later = validation_documents(catalogue(more, ["en"] * 2 * count), np.arange(2 * count), fraction, seed)
    if chosen.sum() > 1:
        assert (later[:count] == chosen).all()


def test_every_language_has_documents_to_validate_on():
    langs = ["en"] * 500 + ["zh"] * 3 + ["fr"]
    ids = [identity(number) for number in range(504)]
    chosen = validation_documents(catalogue(ids, langs), np.arange(504), 0.001, 4)
    held = Counter(lang for lang, side in zip(langs, chosen, strict=True) if side)
    assert held["en"] >= 1
    assert held["zh"] == 1
    assert held["fr"] == 0


def test_training_is_never_left_without_a_document():
    for seed in range(20):
        chosen = validation_documents(
            catalogue([identity(1), identity(2)], ["en", "zh"]), np.arange(2), 0.99, seed
        )
        assert chosen.sum() == 1


def test_one_document_cannot_be_split(tmp_path: Path):
    stage_outs(tmp_path, [docstrings()[0], docstrings()[0]])
    with pytest.raises(UserError, match="training and validation need one each"):
        select(tmp_path, params(), seed=1)


def test_nothing_left_names_the_rule_that_dropped_most(data: Path):
    with pytest.raises(
        UserError, match=r"no document is left of 757\. The rule signals\.characters\.max dropped most"
    ):
        select(data, params(on=["signals", "empty"], signals={"characters": {"max": 0}}), seed=1)


def test_signals_of_other_documents_are_refused(tmp_path: Path):
    stage_outs(tmp_path, [*docstrings(20), *NOVEL])
    path = tmp_path / "signals" / shard_name(0)
    table = read_table(path)
    write_table(path, table.take(pa.array([1, 0, *range(2, table.num_rows)])))
    with pytest.raises(
        UserError, match=r"signals/part-00000\.parquet: expected the documents of .* Run annotate again"
    ):
        select(tmp_path, params(), seed=1)
    write_table(tmp_path / "signals" / shard_name(1), table)
    with pytest.raises(UserError, match="expected one shard for each of the 1"):
        select(tmp_path, params(), seed=1)


def test_duplicates_of_other_documents_are_refused(tmp_path: Path):
    stage_outs(tmp_path, [docstrings()[0], docstrings()[0], docstrings()[1]])
    path = tmp_path / "duplicates" / "duplicates.parquet"
    table = read_table(path)
    others = pa.array([identity("other")] * table.num_rows, pa.string())
    write_table(path, table.set_column(0, "id", others))
    with pytest.raises(UserError, match="is not in data/clean"):
        select(tmp_path, params(), seed=1)
