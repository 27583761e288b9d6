"""Searches are complete, repeatable, pruned, resumed after a kill, and end as a diff of params.yaml."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from textmill.config.finetune import Finetune
from textmill.config.load import validated
from textmill.config.search import Dimension
from textmill.errors import UserError
from textmill.search import command
from textmill.search.winner import changed_text, diff

RATES = {"learning_rate": {"values": [0.0001, 0.02]}, "lora.rank": {"values": [2, 4]}}
TPE = {"learning_rate": {"low": 0.001, "high": 0.05, "log": True}, "batch": {"low": 4, "high": 12, "step": 4}}


def trials(root: Path) -> list[dict]:
    """The finished trials in the journal, as Optuna itself reads it."""
    import optuna

    (journal,) = root.glob(".textmill/search/s/*/journal.jsonl")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    (summary,) = optuna.get_all_study_summaries(storage)
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    return [
        {
            "params": trial.user_attrs["values"], "state": trial.state.name, "value": trial.value,
            "points": trial.intermediate_values,
        }
        for trial in study.trials
    ]  # fmt: skip


def test_a_grid_is_complete_and_its_best_can_be_taken(project, capsys):
    root = project(sampler="grid", space=RATES)
    before = Path("params.yaml").read_text("utf-8")
    command.search("s")
    found = trials(root)
    tried = sorted((one["params"]["learning_rate"], one["params"]["lora.rank"]) for one in found)
    assert tried == sorted(itertools.product([0.0001, 0.02], [2, 4]))
    assert {one["state"] for one in found} == {"COMPLETE"}
    assert all(sorted(one["points"]) == [1, 2, 3] for one in found)
    best = min(found, key=lambda one: one["value"])
    output = capsys.readouterr()
    assert f"learning_rate: {best['params']['learning_rate']} # Muon's" in output.out
    assert "127.0.0.1:9 does not answer" in output.err and "sends the trials later" in output.err
    assert Path("params.yaml").read_text("utf-8") == before
    # Nothing but the search's own folder was written; the models of trials are gone.
    assert sorted(path.name for path in root.iterdir()) == [".textmill", "base", "data", "params.yaml"]
    assert not list(root.glob(".textmill/**/*.safetensors"))


def test_tpe_is_repeatable_and_more_trials_go_on(project):
    root = project(space=TPE, trials=3, startup_trials=2)
    command.search("s")
    first = trials(root)
    assert len({one["params"]["learning_rate"] for one in first}) == 3
    assert all(0.001 <= one["params"]["learning_rate"] <= 0.05 for one in first)
    assert {one["params"]["batch"] for one in first} <= {4, 8, 12}
    command.search("s", restart=True)
    assert trials(root) == first
    project(space=TPE, trials=4, startup_trials=2)
    command.search("s")
    assert trials(root)[:3] == first and len(trials(root)) == 4


def test_a_hopeless_trial_is_pruned_at_a_validation(project, capsys):
    # In the order of this grid the first two trials are good ones.
    space = {"learning_rate": {"values": [0.01, 0.02, 1e-6]}}
    for pruning in ("median", "halving"):
        root = project(sampler="grid", space=space, pruning=pruning, startup_trials=1, reduction=2)
        command.search("s")
        found = {one["params"]["learning_rate"]: one for one in trials_of(root, pruning)}
        assert len(found) == 3
        states = [one["state"] for one in found.values()]
        assert "PRUNED" in states and "COMPLETE" in states, pruning
        for one in found.values():
            assert len(one["points"]) < 3 if one["state"] == "PRUNED" else len(one["points"]) == 3
        best = min(one["value"] for one in found.values() if one["state"] == "COMPLETE")
        assert f"{best:.6g}" in capsys.readouterr().out


def trials_of(root: Path, pruning: str) -> list[dict]:
    """The trials of the newest search, whose folder alone is left."""
    newest = max(root.glob(".textmill/search/s/*/journal.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    for other in root.glob(".textmill/search/s/*/journal.jsonl"):
        if other != newest:
            other.unlink()
    return trials(root)


@pytest.mark.slow
def test_a_search_that_was_killed_ends_as_one_that_was_not(project):
    space = {"learning_rate": {"low": 0.001, "high": 0.02, "log": True}}
    root = project(space=space, trials=3, startup_trials=2, pruning="median")
    text = Path("params.yaml").read_text("utf-8").replace("epochs: 3", "epochs: 6")
    Path("params.yaml").write_text(text + "\n", encoding="utf-8")
    source = Path(command.__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(source)}
    process = subprocess.Popen(
        [sys.executable, "-m", "textmill.cli", "search", "s"], env=environment, cwd=root,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        # In the second trial, after its first validation: neither its start nor its end.
        events = list(root.glob(".textmill/search/s/*/trial-0001/events/trial.jsonl"))
        if events and '"validation_loss"' in events[0].read_text("utf-8"):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    assert process.wait() == -signal.SIGKILL, process.stderr.read()
    assert len([one for one in trials(root) if one["state"] == "COMPLETE"]) == 1
    command.search("s")
    resumed = trials(root)
    command.search("s", restart=True)
    assert len(resumed) == 3 and resumed == trials(root)


def test_a_trial_that_diverges_is_an_answer(project, capsys):
    root = project(sampler="grid", space={"learning_rate": {"values": [0.01, 1e30]}})
    command.search("s")
    assert sorted(one["state"] for one in trials(root)) == ["COMPLETE", "FAIL"]
    assert "at step" in capsys.readouterr().err


def test_the_winner_keeps_comments_and_everything_else(project):
    project(space=RATES)
    values = {"learning_rate": 0.003, "lora.rank": 4, "dropout": 0.1, "best": "accuracy"}
    text = changed_text(Path("params.yaml"), ["finetune", "small"], values)
    lines = [line for line in diff(Path("params.yaml"), text).splitlines() if re.match("[-+] ", line)]
    assert lines == [
        "-    learning_rate: 0.01 # Muon's", "+    learning_rate: 0.003 # Muon's",
        "-    dropout: null", "-    best: loss", "+    dropout: 0.1", "+    best: accuracy",
        "+    lora:", "+      rank: 4",
    ]  # fmt: skip


def test_the_default_params_change_in_the_winners_lines_alone():
    file = Path(__file__).parents[2] / "params.yaml"
    run = next(iter(YAML(typ="safe").load(file.read_text("utf-8"))["finetune"]))
    text = changed_text(file, ["finetune", run], {"learning_rate": 0.123})
    lines = [line for line in diff(file, text).splitlines() if re.match(r"[-+](?![-+])", line)]
    assert len(lines) == 2 and lines[1] == "+    learning_rate: 0.123"


def test_the_winner_is_written_only_if_the_file_stays_valid(project):
    from textmill.search.winner import apply

    project(space=RATES)
    before = Path("params.yaml").read_text("utf-8")
    with pytest.raises(UserError, match="missing"):
        apply(Path("params.yaml"), before)
    assert Path("params.yaml").read_text("utf-8") == before


@pytest.mark.parametrize(
    "part, expected",
    [
        ({"values": [1, 2, 2]}, [1, 2]),
        ({"low": 2, "high": 8, "step": 3}, [2, 5, 8]),
        ({"low": 0.0, "high": 0.3, "step": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"low": 0.001, "high": 0.1, "log": True, "points": 3}, [0.001, 0.01, 0.1]),
        ({"low": 1, "high": 100, "log": True, "points": 3}, [1, 10, 100]),
        ({"low": 1, "high": 100}, []),
    ],
)
def test_what_a_grid_lists(part, expected):
    assert Dimension(**part).listed() == expected


@pytest.mark.parametrize(
    "search, message",
    [
        (
            {"space": {"learning_rat": {"values": [1.0]}}},
            "learning_rat: unknown key. Did you mean learning_rate",
        ),
        ({"space": {"learning_rate": {"values": ["fast"]}}}, "tries learning_rate=fast.*learning_rate"),
        ({"space": {"epochs": {"low": 2.0, "high": 1.0}}}, "low: expected less than high"),
        ({"space": {"epochs": {"low": 2.0}}}, "expected either values, or low and high"),
        (
            {"space": {"epochs": {"low": 0.5, "high": 2.0}}, "sampler": "grid"},
            "a grid needs values, or a step",
        ),
        (
            {"space": {"epochs": {"values": [1.0]}}, "run": "big"},
            r"run: expected a run of finetune \(small\)",
        ),
        (
            {"space": {"epochs": {"values": [1.0]}}, "figure": "bleu"},
            "figure: expected one of loss, accuracy",
        ),
        ({"space": {"base": {"values": ["x"]}}}, "space.base: a search compares runs that share it"),
    ],
)
def test_what_cannot_be_tried_is_said_before_anything_is(project, search, message):
    project(**search)
    with pytest.raises(UserError, match=message):
        command.search("s")
    assert not Path(".textmill").exists()


def test_a_search_that_does_not_exist(project):
    project(space=RATES)
    with pytest.raises(UserError, match=r"search\.x: no such search; known: s"):
        command.search("x")


def test_two_at_once_are_refused(project):
    from textmill.search.study import locked

    root = project(space=RATES)
    with locked(root / ".textmill/search/s"), pytest.raises(UserError, match="another process carries out"):
        command.search("s")


@pytest.mark.slow
def test_trials_are_runs_nested_in_the_searchs(project, monkeypatch):
    from textmill.tracking.store import connected

    root = project(sampler="grid", space={"learning_rate": {"values": [0.01, 0.02]}})
    command.search("s")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    for _ in range(2):  # what could not be sent is sent now, and only once
        command.search("s")
    with connected(root) as client:
        experiment = client.get_experiment_by_name("textmill/search").experiment_id
        runs = client.search_runs([experiment])
        parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in runs if run not in parents]
        assert len(parents) == 1 and len(children) == 2
        assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parents[0].info.run_id}
        logged = {run.data.params["learning_rate"]: run.data.metrics["loss"] for run in children}
        assert logged == {
            json.dumps(one["params"]["learning_rate"]): pytest.approx(one["value"]) for one in trials(root)
        }
        assert parents[0].data.metrics["best_loss"] == pytest.approx(min(logged.values()))
        history = client.get_metric_history(children[0].info.run_id, "validation_loss")
        assert [point.step for point in history] == [1, 2, 3]
        assert parents[0].info.status == "FINISHED"


def test_the_winner_is_applied(project, capsys, monkeypatch):
    root = project(sampler="grid", space={"learning_rate": {"values": [0.0001, 0.02]}})
    monkeypatch.setattr("textmill.config.params.load_params", lambda file: None)
    command.search("s", is_applied=True)
    best = min(trials(root), key=lambda one: one["value"])["params"]["learning_rate"]
    params = YAML(typ="safe").load(Path("params.yaml").read_text("utf-8"))
    assert validated(Finetune, params["finetune"]["small"], "params.yaml").learning_rate == best
    command.search("s")
    assert "has these params already" in capsys.readouterr().out
