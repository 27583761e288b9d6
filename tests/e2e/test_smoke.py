"""From raw text to registered models on the smoke profile, through both drivers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def lock(workspace: Any) -> dict[str, Any]:
    return YAML(typ="safe").load((workspace.root / "dvc.lock").read_text(encoding="utf-8"))["stages"]


def rows(folder: Path, columns: list[str]) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted(folder.rglob("*.parquet"))
        for row in pq.read_table(path, columns=columns).to_pylist()
    ]


def test_the_flow_shows_stages_scores_and_where_to_look(flown) -> None:
    output = (flown.root / ".textmill" / "first-run.txt").read_text(encoding="utf-8")
    for expected in ("ingest", "pretrain@decoder", "evaluate@", "reports/index.html"):
        assert expected in output
    assert "Traceback" not in output


def test_both_drivers_leave_the_same_lock(flown, reproduced) -> None:
    """Two runs from scratch, in two directories, one stage at a time and side by side: equal bytes."""
    assert (flown.root / "dvc.lock").read_bytes() == (reproduced.root / "dvc.lock").read_bytes()


def test_a_second_run_has_nothing_to_do(flown) -> None:
    before = (flown.root / "dvc.lock").read_bytes()
    assert "up to date" in flown.ok("dvc", "repro")
    output = flown.ok(sys.executable, "-m", "flows.retrain")
    assert "Traceback" not in output
    assert (flown.root / "dvc.lock").read_bytes() == before


def test_every_stage_of_the_dag_is_in_the_lock(flown) -> None:
    stages = set(lock(flown))
    declared = set(flown.ok("dvc", "stage", "list", "--name-only").split())
    assert stages == declared


def test_ledger_explains_every_document_that_is_not_in_the_corpus(flown) -> None:
    data = flown.root / "data"
    clean = [row["id"] for row in rows(data / "clean", ["id"])]
    corpus = [row["id"] for row in rows(data / "corpus", ["id"])]
    every = pq.read_table(data / "ledger" / "ledger.parquet", columns=["id", "rule", "stage"]).to_pylist()
    ledger = [row for row in every if row["stage"] != "ingest"]
    assert len(clean) == len(set(clean)) and corpus and ledger
    assert sorted(clean) == sorted(corpus + [row["id"] for row in ledger])
    assert all(row["rule"] for row in ledger)


def test_a_changed_threshold_reruns_nothing_upstream_of_select(reproduced) -> None:
    params = reproduced.root / "params.yaml"
    original = params.read_text(encoding="utf-8")
    changed, count = re.subn(r"(min_words: )(\d+)", lambda m: f"{m[1]}{int(m[2]) + 1}", original, count=1)
    assert count == 1
    try:
        params.write_text(changed, encoding="utf-8")
        status = reproduced.ok("dvc", "status", "--json")
    finally:
        params.write_text(original, encoding="utf-8")
    stale = set(json.loads(status[status.index("{") :]))
    assert "select" in stale
    assert not stale & {"ingest", "clean", "annotate", "dedup", "contamination"}


def test_every_reported_figure_has_an_interval_around_it(flown) -> None:
    reports = sorted((flown.root / "reports" / "evaluation").glob("*.json"))
    assert reports
    for path in reports:
        report = json.loads(path.read_text(encoding="utf-8"))
        assert report["n"] > 0 and report["comparisons"]
        for model in report["models"].values():
            for figure in model["metrics"].values():
                assert figure["low"] <= figure["value"] <= figure["high"]


def test_models_are_registered_with_a_verdict_and_verified(flown) -> None:
    output = flown.ok(sys.executable, "-m", "textmill.cli", "register")
    names = [
        model["name"]
        for model in YAML(typ="safe").load((flown.root / "params.yaml").read_text())["registry"]["models"]
    ]
    assert names and all(name in output for name in names)
