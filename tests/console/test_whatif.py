"""`textmill whatif` says what a real select would do."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.console.workplace import PARAMS, prepared, select, textmill
from textmill.cli import app
from textmill.config.load import validated
from textmill.config.select import Select
from textmill.corpus.selection.select import select as real_select
from textmill.corpus.shards import read_batches, read_table
from textmill.corpus.whatif.outcomes import changed, outcomes
from textmill.errors import UserError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("whatif"))


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict:
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(app, ["whatif", "--json", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.chdir(folder)
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(app, ["whatif", *arguments], catch_exceptions=False)
    return str(caught.value)


def test_the_counts_are_those_of_the_stage_run_with_these_params(folder: Path, tmp_path: Path, monkeypatch):
    """Through both command lines: what whatif promises, select then writes."""
    changes = {
        "select.gopher.min_words": "35",
        "select.by_language.zh.gopher.min_words": "120",
        "select.max_contamination": "0.0",
        "select.mix.sources.library.max_share": "0.6",
        "select.rules.fineweb": "false",
    }
    found = answer(folder, monkeypatch, *(f"{key}={value}" for key, value in changes.items()))
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    text = PARAMS.replace("max_contamination: 0.5", "max_contamination: 0.0").replace("12}", "35}")
    text = text.replace("{min_mean_word_length: null}", "{min_mean_word_length: null, min_words: 120}")
    text += "  mix: {sources: {library: {max_share: 0.6}}}\n  rules: {fineweb: false}\n"
    (other / "params.yaml").write_text(text, "utf-8")
    select(other)
    reports = [json.loads((each / "reports" / "corpus.json").read_text("utf-8")) for each in (folder, other)]
    for when, report in zip(("now", "then"), reports, strict=True):
        assert {row["name"]: row[when] for row in found["rules"] if row[when]} == {
            row["rule"]: row["documents"] for row in report["dropped"]
        }
        assert found["total"][when] == report["documents"]["kept"]
        for key in ("sources", "languages"):
            assert {row["name"]: (row[when], row[f"characters_{when}"]) for row in found[key]} == {
                name: (one["documents"]["kept"], one["characters"]["kept"])
                for name, one in report[key].items()
            }
    assert found["total"]["now"] != found["total"]["then"]


SOME = st.fixed_dictionaries(
    {},
    optional={
        "gopher": st.fixed_dictionaries({"min_words": st.integers(0, 60) | st.none()}),
        "repetition": st.fixed_dictionaries({"max_dup_5gram": st.floats(0, 0.4) | st.none()}),
        "signals": st.fixed_dictionaries(
            {"characters": st.fixed_dictionaries({"max": st.integers(300, 3000)})}
        ),
        "by_source": st.fixed_dictionaries(
            {
                "copies": st.fixed_dictionaries(
                    {"gopher": st.fixed_dictionaries({"min_words": st.integers(0, 99)})}
                )
            }
        ),
        "mix": st.fixed_dictionaries(
            {"languages": st.fixed_dictionaries({"en": st.fixed_dictionaries({"weight": st.floats(0.1, 1)})})}
        ),
        "max_contamination": st.floats(0, 1),
        "rules": st.dictionaries(st.sampled_from(sorted(Select().rules.model_dump())), st.booleans()),
    },
)


@settings(max_examples=25, deadline=None)
@given(values=st.lists(SOME, min_size=1, max_size=10), seed=st.integers(0, 2**31 - 1))
def test_any_params_are_decided_as_select_decides_them(folder: Path, values: list[dict], seed: int):
    """Several at once, some sharing rules, more than are tried on one reading."""
    trials = [validated(Select, each, "params.yaml", "select") for each in values]
    for params, outcome in zip(trials, outcomes(folder / "data", trials, seed), strict=True):
        try:
            expected = real_select(folder / "data", params, seed)
        except UserError as error:
            assert outcome.stops == str(error)
            continue
        assert outcome.funnel == expected.funnel
        assert (outcome.catalogue.kept == expected.kept).all()
        assert outcome.stops == ""


def test_documents_that_change_sides_are_named_with_what_becomes_of_them(folder: Path, monkeypatch):
    found = answer(folder, monkeypatch, "select.signals.characters.max=400", "--show", "3", "--text")
    assert len(found["changed"]) >= 3
    texts = {
        row["id"]: row["text"]
        for batch in read_batches(folder / "data" / "clean", ["id", "text"])
        for row in batch.to_pylist()
    }
    for row in found["changed"]:
        assert (row["now"] == "kept") != (row["then"] == "kept")
        assert texts[row["id"]].split()[:5] == row["text"].split()[:5]
        if row["now"] == "kept":
            assert row["then"] == "signals.characters.max" and len(texts[row["id"]]) > 400


def test_a_document_may_be_kept_because_its_twin_is_dropped(folder: Path):
    other = {"by_source": {"library": {"signals": {"characters": {"max": 1}}}}}
    both = [Select(), validated(Select, other, "params.yaml", "select")]
    now, then = outcomes(folder / "data", both, 7)
    rows = changed(now, then).to_pylist()
    assert {row["now"] for row in rows if row["then"] == "kept"} <= {"duplicates.near", "duplicates.exact"}
    assert any(row["then"] == "kept" for row in rows)


def test_a_sweep_is_a_curve_whose_points_are_single_answers(folder: Path, monkeypatch, tmp_path: Path):
    sweep = answer(folder, monkeypatch, "--sweep", "select.gopher.min_words=10:50:10")
    assert [point["value"] for point in sweep["points"]] == [10, 20, 30, 40, 50]
    single = answer(folder, monkeypatch, "select.gopher.min_words=40")
    assert sweep["points"][3]["documents"] == single["total"]["then"]
    assert sweep["now"] == single["total"]["now"]
    kept = [point["documents"] for point in sweep["points"]]
    assert kept == sorted(kept, reverse=True) and kept[0] > kept[-1]
    floats = answer(folder, monkeypatch, "--sweep", "select.max_contamination=0.1:0.3:0.1")
    assert [point["value"] for point in floats["points"]] == [0.1, 0.2, 0.3]
    listed = answer(folder, monkeypatch, "select.rules.mix=false", "--sweep", "select.gopher.min_words=40,10")
    assert [point["documents"] for point in listed["points"]] == [kept[3], kept[0]]


def test_params_that_leave_nothing_say_so(folder: Path, monkeypatch):
    found = answer(folder, monkeypatch, "select.gopher.min_words=1000000")
    assert found["total"]["then"] == 0
    assert "no document is left" in found["stops"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["select.gopher.min_wrods=3"], "select.gopher.min_wrods: unknown key. Did you mean min_words?"),
        (["select.gophre.min_words=3"], "select.gophre: unknown key. Did you mean gopher?"),
        (["gopher.min_words=3"], "Did you mean select.gopher.min_words?"),
        (["selct.gopher.min_words=3"], "no section selct in params.yaml. Did you mean select?"),
        (["select.gopher.min_words=many"], "select.gopher.min_words: Input should be a valid number"),
        (["select.gopher.min_words"], "expected KEY=VALUE with a dotted key"),
        (["clean.html=true"], "clean.html: the stage clean would have to run again"),
        (["dedup.threshold=0.7"], "dedup.threshold: the stage dedup would have to run again"),
        (["contamination.ngram=8"], "the stage contamination would have to run again"),
        (["pretrain.decoder.layers=3"], "does not change which documents are kept"),
        (["select.signals.toxicity.max=1"], "no signal toxicity. Known signals: "),
        ([], "nothing to try"),
        (["--sweep", "select.gopher.min_words=5:1:1"], "expected START:STOP:STEP"),
        (["--sweep", "select.gopher.min_words=0:1:0.001"], "more than 200 values"),
        (["select.max_contamination=0", "--plot", "x.pdf"], "expected a name that ends in .svg or .png"),
    ],
)
def test_a_mistake_is_named(folder: Path, monkeypatch, arguments: list[str], message: str):
    assert message in refused(folder, monkeypatch, *arguments)


def test_tables_bars_and_plots(folder: Path, tmp_path: Path):
    """As a user runs it: in a process, 100 columns wide, without a terminal."""
    for name in ("a.svg", "a.png"):
        shown = textmill(folder, "whatif", "select.gopher.min_words=40", "--plot", str(tmp_path / name))
    assert "gopher.min_words" in shown and "█" in shown and "other rules drop as many" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "\x1b" not in shown
    textmill(folder, "whatif", "--sweep", "select.gopher.min_words=5:25:5", "--plot", str(tmp_path / "b.svg"))
    for name in ("a.svg", "b.svg"):
        assert ET.parse(tmp_path / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    drawn = (tmp_path / "a.svg").read_text("utf-8")
    assert "library" in drawn and "gopher.min_words" in drawn
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_written_to_data(folder: Path, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")}
    answer(folder, monkeypatch, "select.gopher.min_words=40")
    assert {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")} == before
    assert read_table(folder / "data" / "ledger" / "ledger.parquet").num_rows


def test_a_mistake_is_one_paragraph_and_status_2(folder: Path):
    assert textmill(folder, "whatif", "select.gopher.min_wrods=3", status=2).startswith(
        "error: params.yaml: "
    )
