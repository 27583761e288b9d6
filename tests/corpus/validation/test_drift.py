"""Drift: figures equal to the reference's, a planted drift seen, a new sample of the same not."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from textmill.config.validate import Expectation
from textmill.corpus.shards import write_table
from textmill.corpus.validation.accept import KEPT, KEPT_PROFILE, PROFILE, REPORT, accept, accepted_profile
from textmill.corpus.validation.drift import drift, jensen_shannon, kolmogorov_smirnov, largest, psi
from textmill.corpus.validation.expectations import check_expectations, failure_message
from textmill.corpus.validation.frames import StatsFrames
from textmill.corpus.validation.histograms import bins_of, histogram
from textmill.corpus.validation.profile import profile
from textmill.errors import UserError
from textmill.files import write_json

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=30)
PAIRS = (
    st.integers(2, 30)
    .flatmap(lambda size: st.tuples(*[st.lists(st.integers(0, 500), min_size=size, max_size=size)] * 2))
    .filter(lambda pair: any(pair[0]) and any(pair[1]))
)


@given(pair=PAIRS)
@settings(max_examples=100, deadline=None)
def test_distances_are_those_of_scipy(pair) -> None:
    p, q = (np.array(counts, np.float64) for counts in pair)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)
    places = np.arange(len(p))
    one, two = (np.repeat(places, counts.astype(int)) for counts in (p, q))
    assert kolmogorov_smirnov(p, q) == pytest.approx(stats.ks_2samp(one, two).statistic, abs=1e-9)
    a, b = p + 0.5, q + 0.5
    assert psi(p, q) == pytest.approx(stats.entropy(a, b) + stats.entropy(b, a), abs=1e-9)


@given(values=st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=50), counts=st.booleans())
@settings(max_examples=150, deadline=None)
def test_bins_keep_the_order_of_values(values, counts) -> None:
    ordered = np.sort(np.array([round(value) if counts else value for value in values], np.float64))
    assert (np.diff(bins_of(ordered, counts)) >= 0).all()


def test_bins_tell_apart_what_people_tell_apart() -> None:
    shares = bins_of(np.array([0, 0.02, 0.03, 0.5, 0.99, 1.0, -0.02]), counts=False)
    assert shares.tolist() == [0, 0, 1, 20, 39, 40, -1]
    assert len(set(bins_of(np.array([0, 1, 2, 3, 4, 5, 6, 8, 10]), counts=True))) == 9
    assert bins_of(np.array([2.0**20, 2.0**21]), counts=True).tolist() == [81, 85]


def test_a_histogram_counts_everything_once() -> None:
    column = pa.chunked_array([[0.1, None, float("nan")], [float("inf"), 0.1, 7.0]])
    found = histogram(column)
    assert found["count"] == 3 and found["missing"] == 3 and sum(found["bins"].values()) == 3
    assert found["p50"] == 0.1 and found["mean"] == 2.4 and found["scale"] == "ratios"
    assert histogram(pa.array([True, False, True]))["bins"] == {"0": 1, "1": 2}
    assert histogram(pa.array([], pa.float64()))["p50"] is None
    assert json.dumps(found, allow_nan=False)


def corpus_like(rng, count=4000, chinese=0.2, longer=1.0, shift=0.0, unseen=0.0) -> dict:
    """A profile of `count` drawn documents; `unseen` of them have a value that none had."""
    lang = np.where(rng.random(count) < chinese, "zh", "en")
    words = np.exp(rng.normal(5 + np.log(longer), 0.8, count)).astype(np.int64)
    ratio = np.clip(rng.beta(2, 8, count) + shift, 0, 1)
    flat = np.where(rng.random(count) < unseen, 0.7, 0.0)
    frames = StatsFrames("corpus", "signals", "tasks")
    frames.add(
        "documents",
        pa.table(
            {
                "id": [f"{place:032x}" for place in range(count)],
                "source": np.where(lang == "zh", "novel", "letters"),
                "lang": lang,
                "characters": words * 6,
            }
        ),
    )
    signals = {"words": words, "ratio": ratio, "flat": flat, "constant": np.ones(count, np.int64)}
    frames.add("signals", pa.table({"id": frames.table("documents")["id"], **signals, "name": lang}))
    return profile(frames)


def rows_of(one: dict, two: dict) -> dict[tuple[str, str], dict]:
    return {(row["kind"], row["name"]): row for row in drift(one, two).to_pylist()}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("accepted", "current"), [(4000, 4000), (20000, 500), (150, 150)])
def test_another_sample_of_the_same_corpus_is_no_drift(seed, accepted, current) -> None:
    rng = np.random.default_rng(seed)
    found = rows_of(corpus_like(rng, accepted), corpus_like(rng, current))
    assert max(row["excess"] for row in found.values()) < 0.25
    assert found["mix", "languages"]["excess"] < 0.1


@pytest.mark.parametrize(
    ("planted", "moved"),
    [
        (
            {"chinese": 0.5},
            {("mix", "languages"), ("language", "zh"), ("language", "en"), ("mix", "sources")},
        ),
        ({"longer": 2.0}, {("length", "characters"), ("signal", "words")}),
        ({"shift": 0.15}, {("signal", "ratio")}),
        ({"unseen": 0.1}, {("signal", "flat")}),
    ],
)
def test_a_planted_drift_is_seen_where_it_was_planted(planted, moved) -> None:
    rng = np.random.default_rng(5)
    found = rows_of(corpus_like(rng), corpus_like(rng, **planted))
    seen = {key for key, row in found.items() if row["excess"] > 0.25}
    assert moved <= seen
    assert {key for key in seen - moved if key[0] != "mix"} <= {("source", "novel"), ("source", "letters")}
    assert found["signal", "constant"]["psi"] == 0


def test_values_that_were_not_there_before_are_seen_between_those_that_were() -> None:
    """All in one bin between two accepted ones: shares below and above it are as before."""
    before = {"scale": "counts", "missing": 0, "p50": 1, "bins": {"0": 50, "20": 950}}
    after = {"scale": "counts", "missing": 0, "p50": 5, "bins": {"0": 50, "10": 950}}
    base = {"languages": {}, "sources": {}, "lengths": before}
    found = rows_of({**base, "signals": {"x": before}}, {**base, "signals": {"x": after}})
    assert found["signal", "x"]["psi"] > 5 and found["signal", "x"]["ks"] == pytest.approx(0.95)
    lost = {**before, "missing": 1000, "bins": {"0": 3, "20": 57}}
    found = rows_of({**base, "signals": {"x": before}}, {**base, "signals": {"x": lost}})
    assert found["signal", "x"]["psi"] > 5


def test_signals_that_one_profile_lacks_are_not_compared() -> None:
    rng = np.random.default_rng(1)
    one, two = corpus_like(rng), corpus_like(rng)
    del one["signals"]["words"]
    two["signals"]["ratio"]["scale"] = "counts"
    assert {name for kind, name in rows_of(one, two) if kind == "signal"} == {"flat", "constant"}


def test_equal_documents_give_equal_profiles() -> None:
    one, two = (json.dumps(corpus_like(np.random.default_rng(3))) for _ in range(2))
    assert one == two and len(one) < 20_000


EXPECTED = [
    Expectation(
        name="the languages stay",
        frame="drift",
        where={"kind": "mix", "name": "languages"},
        expectation="expect_column_max_to_be_between",
        arguments={"column": "excess", "max_value": 0.1},
    )
]


def test_expectations_of_drift_fail_on_drift_and_are_skipped_without_an_accepted_corpus(tmp_path) -> None:
    rng = np.random.default_rng(2)
    accepted, same, other = corpus_like(rng), corpus_like(rng), corpus_like(rng, chinese=0.6)
    for current, passes in ((same, True), (other, False)):
        frames = StatsFrames("corpus", "signals", "tasks")
        moved = drift(accepted, current)
        frames.add("drift", moved)
        report = check_expectations(EXPECTED, frames)
        assert report["passed"] is passes and "skipped" not in report["expectations"][0]
    assert "the languages stay" in failure_message(report)
    assert "language zh" in largest(moved) or "mix languages" in largest(moved)
    report = check_expectations(EXPECTED, StatsFrames("corpus", "signals", "tasks"))
    assert report["passed"] and report["expectations"][0]["skipped"]
    assert report["expectations"][0]["observed"] == "no corpus is accepted yet to compare with"


def report(passed: bool, frame: str = "drift") -> dict:
    entries = [{"name": "first", "frame": "documents", "passed": passed or frame != "documents"}]
    entries += [{"name": "second", "frame": "drift", "passed": passed or frame != "drift"}]
    return {"passed": passed, "expectations": entries}


def test_a_validated_corpus_is_accepted(tmp_path) -> None:
    with pytest.raises(UserError, match="expected what the validate stage writes"):
        accept(tmp_path, "accepted")
    current = corpus_like(np.random.default_rng(2), 50)
    write_json(tmp_path / REPORT, report(True))
    write_json(tmp_path / PROFILE, current)
    assert accepted_profile(tmp_path / "accepted") is None
    assert str(accept(tmp_path, "accepted")) == "accepted/profile.json"
    assert accepted_profile(tmp_path / "accepted") == current
    assert (tmp_path / "accepted/profile.json").read_bytes() == (tmp_path / PROFILE).read_bytes()


def test_a_corpus_that_failed_is_accepted_only_for_drift_and_only_when_asked(tmp_path) -> None:
    current = corpus_like(np.random.default_rng(2), 50)
    write_json(tmp_path / KEPT_PROFILE, current)
    write_json(tmp_path / KEPT, report(False, "documents"))
    with pytest.raises(UserError, match="did not pass validation: first"):
        accept(tmp_path, "accepted", drifted=True)
    write_json(tmp_path / KEPT, report(False, "drift"))
    with pytest.raises(UserError, match=r"drifted from the accepted one: second.*--drifted"):
        accept(tmp_path, "accepted")
    accept(tmp_path, "accepted", drifted=True)
    assert accepted_profile(tmp_path / "accepted") == current


def test_a_damaged_accepted_profile_is_named(tmp_path) -> None:
    (tmp_path / "profile.json").write_text("{")
    with pytest.raises(UserError, match=r"profile\.json: expected JSON"):
        accepted_profile(tmp_path)
    write_json(tmp_path / "profile.json", {"format": 99})
    with pytest.raises(UserError, match=r"expected the profile of a corpus \(format 1\)"):
        accepted_profile(tmp_path)


def test_signals_with_many_values_per_document_are_no_column_of_the_frame(tmp_path) -> None:
    rows = {"id": ["a", "b"], "words": [1, 2], "cut_lines": [[{"start": 0, "end": 1}], []]}
    write_table(tmp_path / "signals/part-00000.parquet", pa.table(rows))
    frames = StatsFrames("corpus", tmp_path / "signals", "tasks")
    frames.add("documents", pa.table({"id": ["b"]}))
    assert frames.table("signals").to_pylist() == [{"id": "b", "words": 2}]
