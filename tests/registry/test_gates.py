"""The gates decide by the figures they name, and say which."""

from __future__ import annotations

import pyarrow as pa
import pytest

from textmill.config.gates import ContaminationGate, Gates, ModelGates
from textmill.config.load import validated
from textmill.config.registry import Registry
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.registry.champion import compare_intervals
from textmill.registry.evidence import AgainstChampion, Evidence, leaked_share
from textmill.registry.gates import judge

BITS = {"value": 2.0, "low": 1.9, "high": 2.1}
WON = {"model": "decoder", "against": "ngram", "metric": "bits_per_byte", "verdict": "won"}
REPORT = {
    "name": "decoder",
    "models": {
        "decoder": {"metrics": {"bits_per_byte": BITS, "loss": {"value": 3.0}}},
        "ngram": {"metrics": {"bits_per_byte": {"value": 2.2}}},
    },
    "comparisons": [{**WON, "difference": -0.2, "low": -0.3, "high": -0.1}],
}
GOOD = {"passed": True, "expectations": [{"name": "a", "passed": True}]}
BAD = {"passed": False, "expectations": [{"name": "rows", "passed": False}, {"name": "ids", "passed": True}]}


def failed(evidence: Evidence, gates: Gates | None = None, **own) -> dict[str, str]:
    model = validated(ModelGates, own, "gates")
    return {item.gate: item.reason for item in judge(evidence, gates or Gates(), model) if not item.passed}


def evidence(**more) -> Evidence:
    return Evidence(**{"evaluation": REPORT, "validation": GOOD, **more})


def test_a_candidate_that_meets_every_gate_passes():
    own = {"ceilings": {"bits_per_byte": 2.0}, "floors": {"loss": 3.0}}
    assert failed(evidence(), beats=[{"metric": "bits_per_byte", "against": "ngram"}], **own) == {}


@pytest.mark.parametrize(
    ("change", "gates", "reason"),
    [
        ({"validation": BAD}, Gates(), "failed: rows"),
        ({"validation": None}, Gates(), "reports/validation.json is missing"),
        ({"bias": {"warnings": ["a", "b"]}}, Gates(max_bias_warnings=1), "2 warnings, at most 1 allowed"),
        ({"leaked": 0.02}, Gates(contamination=ContaminationGate()), "2.00% of the evaluation rows"),
        ({"smoke": "silence"}, Gates(), "silence"),
    ],
)
def test_each_common_gate_holds_back_by_itself(change, gates, reason):
    reasons = failed(evidence(**change), gates)
    assert len(reasons) == 1 and next(iter(reasons.values())).startswith(reason)


def test_validation_can_be_switched_off():
    assert failed(evidence(validation=BAD), Gates(validation=False)) == {}


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"ceilings": {"bits_per_byte": 1.99}}, "2, at most 1.99 required"),
        ({"floors": {"loss": 3.1}}, "3, at least 3.1 required"),
        ({"floors": {"bleu": 1.0}}, "the report has no bleu; it has bits_per_byte, loss"),
        ({"beats": [{"metric": "loss", "against": "ngram"}]}, "the report does not compare them"),
    ],
)
def test_a_figure_that_misses_its_limit_or_is_missing_holds_back(own, reason):
    (found,) = failed(evidence(), **own).values()
    assert found.startswith(reason)


@pytest.mark.parametrize(("verdict", "holds"), [("won", False), ("tied", True), ("lost", True)])
def test_beating_a_baseline_means_winning(verdict, holds):
    report = {**REPORT, "comparisons": [{**REPORT["comparisons"][0], "verdict": verdict}]}
    own = {"beats": [{"metric": "bits_per_byte", "against": "ngram"}]}
    assert bool(failed(evidence(evaluation=report), **own)) == holds


@pytest.mark.parametrize(
    ("verdict", "require", "holds"),
    [("tied", "not_lost", False), ("lost", "not_lost", True), ("tied", "won", True), ("won", "won", False)],
)
def test_the_champion_gate_keeps_its_requirement(verdict, require, holds):
    against = AgainstChampion("3", "bits_per_byte", -0.1, -0.2, 0.1, verdict, "paired")
    own = {"champion": {"metric": "bits_per_byte", "require": require}}
    assert bool(failed(evidence(champion=against), **own)) == holds


def test_a_champion_that_cannot_be_compared_holds_back():
    own = {"champion": {"metric": "bits_per_byte"}}
    assert failed(evidence(incomparable="another set"), **own) == {"champion on bits_per_byte": "another set"}


def report(value: float) -> dict:
    figure = {"value": value, "low": value - 0.3, "high": value + 0.4}
    return {"name": "decoder", "models": {"decoder": {"metrics": {"bits_per_byte": figure}}}}


@pytest.mark.parametrize(("ours", "verdict"), [(1.4, "won"), (1.6, "tied"), (2.4, "tied"), (2.6, "lost")])
def test_intervals_decide_where_no_predictions_are_kept(ours, verdict):
    """Half-widths 0.3 and 0.4 in quadrature are 0.5; fewer bits per byte are better."""
    found = compare_intervals("bits_per_byte", "1", report(ours), report(2.0))
    assert found.verdict == verdict
    assert (found.low, found.high) == (pytest.approx(ours - 2.5), pytest.approx(ours - 1.5))


def test_leakage_counts_rows_found_in_documents_that_were_kept(tmp_path):
    rows = [("kept", "t", "r1", 0.9), ("kept", "t", "r2", 0.5)]
    rows += [("gone", "t", "r3", 1.0), ("kept", "u", "r4", 1.0)]
    names = ("id", "task", "matched_id", "fraction")
    columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
    write_table(tmp_path / "data/contamination/contamination.parquet", pa.table(columns))
    assert leaked_share(tmp_path, "t", 4, ContaminationGate()) is None
    write_table(tmp_path / "data/ledger/ledger.parquet", pa.table({"id": ["gone"]}))
    assert leaked_share(tmp_path, "t", 4, ContaminationGate()) == 0.25
    assert leaked_share(tmp_path, "t", 4, ContaminationGate(fraction=0.5)) == 0.5


def test_a_misspelt_gate_is_named():
    with pytest.raises(UserError, match=r"flors: unknown key"):
        validated(Gates, {"models": {"x": {"flors": {}}}}, "params.yaml", "gates")


def test_a_name_registered_twice_is_named():
    entry = {"name": "a", "path": "models/a", "report": "reports/a.json"}
    with pytest.raises(UserError, match="each name once, but a is there twice"):
        validated(Registry, {"models": [entry, entry]}, "params.yaml", "registry")
