"""The summary says what the reports say."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from flows.serve import declared
from flows.summary import comparison_rows, data_lines, interval, models_table, places, registry_table
from textmill.errors import UserError
from textmill.files import write_json
from textmill.registry.outcome import Outcome

REPORT = {
    "name": "translation",
    "models": {
        "finetuned": {"metrics": {"bleu": {"value": 31.24, "low": 29.0, "high": 33.1}}},
        "copy": {"metrics": {"bleu": {"value": 19.1, "low": 18.0, "high": 20.2}}},
    },
    "comparisons": [
        {
            "model": "finetuned",
            "against": "copy",
            "metric": "bleu",
            "difference": 12.1,
            "low": 10.0,
            "high": 14.2,
            "verdict": "won",
        }
    ],
}


def shown(renderable) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(renderable)
    return console.file.getvalue()


def test_a_model_stands_beside_its_baseline_with_intervals(tmp_path) -> None:
    write_json(tmp_path / "reports" / "evaluation" / "translation.json", REPORT)
    text = shown(models_table(tmp_path))
    for part in (
        "translation",
        "bleu",
        "31.2 (29 to 33.1)",
        "copy",
        "19.1 (18 to 20.2)",
        "won",
    ):
        assert part in text


def test_a_lost_comparison_is_shown_as_lost() -> None:
    lost = {**REPORT, "comparisons": [{**REPORT["comparisons"][0], "verdict": "lost"}]}
    assert "lost" in comparison_rows(lost)[0][-1]


def test_documents_and_tokens_are_counted(tmp_path) -> None:
    write_json(tmp_path / "reports" / "corpus.json", {"documents": {"in": 20000, "kept": 15500}})
    write_json(
        tmp_path / "data" / "tokens" / "tokens.json",
        {"train": {"tokens": 4000000, "documents": 3}, "validation": {"tokens": 50000, "documents": 1}},
    )
    lines = data_lines(tmp_path)
    assert "20,000 in → 15,500 kept (77.5 %)" in lines[0]
    assert "4,000,000 to train on, 50,000 to validate" in lines[1]


def test_nothing_is_said_of_reports_that_are_not_there(tmp_path) -> None:
    assert data_lines(tmp_path) == []
    assert models_table(tmp_path).row_count == 0


def test_the_registry_says_why_a_model_was_held_back() -> None:
    held = Outcome("textmill-translation", "3", "held", reasons=["bleu: 11 is below the floor of 20"])
    text = shown(registry_table([held, Outcome("textmill-sentiment", "", "pending")]))
    for part in ("textmill-translation", "v3", "held", "bleu: 11 is below the floor of 20", "pending"):
        assert part in text


def test_a_metric_without_interval_is_a_number() -> None:
    assert interval({"value": 1.5}) == "1.5"
    assert interval(None) == ""


def test_where_to_look_names_the_report(tmp_path, monkeypatch) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "index.html").write_text("<html>")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4999/api")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5999")
    found = dict(places(tmp_path))
    assert found["Report"] == "reports/index.html"
    assert found["MLflow UI"] == "http://127.0.0.1:5999"


def test_the_deployments_of_the_project_can_be_served(root: Path) -> None:
    (nightly,) = declared(root / "prefect.yaml")
    assert nightly["entrypoint"] == "flows/retrain.py:retrain"
    assert nightly["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deployments:\n  - entrypoint: flows/retrain.py:retrain\n", "number 1: name: missing"),
        ("deployments:\n  - {name: nightly", "not valid YAML"),
        ("deployments:\n  - name: nightly\n", "number 1: entrypoint: missing"),
        ("deployments:\n  - {name: nightly, entrypoint: 'flows/none.py:run'}\n", "expected FILE.py:FLOW"),
    ],
)
def test_a_wrong_deployment_is_named(tmp_path, text: str, message: str) -> None:
    (tmp_path / "prefect.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        declared(tmp_path / "prefect.yaml")


def test_no_server_is_started_to_say_what_is_up(tmp_path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.server", "status"],
        env={**os.environ, "TEXTMILL_ROOT": str(tmp_path), "PYTHONPATH": f"{root / 'src'}:{root}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.count("down") == 3
