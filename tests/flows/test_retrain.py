"""The Prefect flow: what its server shows, what the terminal shows, and what a kill leaves."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest

from tests.synthetic import Pipeline, diamond, prefect_api

pytestmark = pytest.mark.slow


def asked(path: str, body: dict) -> list[dict]:
    """What the Prefect server answers to a query."""
    request = urllib.request.Request(
        f"{prefect_api()}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def last_run() -> tuple[dict, dict[str, str]]:
    """The newest flow run, and the state name of each of its tasks."""
    run = asked("/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})[0]
    tasks = asked(
        "/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}, "sort": "NAME_DESC", "limit": 99}
    )
    return run, {task["name"]: task["state"]["name"] for task in tasks}


@pytest.fixture
def pipeline(tmp_path) -> Pipeline:
    return diamond(tmp_path / "repo")


def change(pipeline: Pipeline, name: str, **knobs) -> None:
    next(stage for stage in pipeline.stages if stage.name == name).knobs.update(knobs)
    pipeline.write()


def test_stages_are_tasks_and_clean_ones_are_cached(pipeline: Pipeline) -> None:
    change(pipeline, "right", constant=True)
    done = pipeline.run("flow")
    assert done.returncode == 0, done.stderr
    run, tasks = last_run()
    assert run["state"]["type"] == "COMPLETED"
    assert tasks == dict.fromkeys(["raw", "left", "right", "merge", "island"], "Completed")

    change(pipeline, "right", value=3)
    assert pipeline.run("flow").returncode == 0
    assert last_run()[1] == {
        "raw": "Cached",
        "left": "Cached",
        "right": "Completed",
        "merge": "Cached",
        "island": "Cached",
    }

    change(pipeline, "right", value=0)
    pipeline.stages[2].knobs.pop("value")
    pipeline.write()
    assert pipeline.run("flow").returncode == 0
    assert last_run()[1]["right"] == "Restored"


def test_nothing_to_do_ends_fast_and_quietly(pipeline: Pipeline) -> None:
    assert pipeline.run("flow").returncode == 0
    begun = time.monotonic()
    done = pipeline.run("flow")
    assert time.monotonic() - begun < 8
    assert done.returncode == 0
    assert done.stderr == "Nothing to do: all 5 stages are up to date.\n"
    assert done.stdout == ""


def test_a_failure_is_one_paragraph_and_stops_only_what_needs_it(pipeline: Pipeline) -> None:
    change(pipeline, "left", fail="a number")
    done = pipeline.run("flow")
    assert done.returncode == 1
    assert "left: error: corpus.txt: row 7: expected text, found a number." in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    run, tasks = last_run()
    assert run["state"]["type"] == "FAILED"
    assert "left: corpus.txt: row 7" in run["state"]["message"]
    assert tasks["left"] == "Failed"
    assert tasks["merge"] == "NotReady"
    assert {tasks[name] for name in ("raw", "right", "island")} == {"Completed"}


def test_a_killed_flow_is_shown_as_crashed_by_the_next(pipeline: Pipeline) -> None:
    change(pipeline, "left", sleep=30)
    process = pipeline.start("flow")
    deadline = time.monotonic() + 60
    while "left" not in pipeline.executed and time.monotonic() < deadline:
        time.sleep(0.1)
    process.kill()
    process.wait(10)
    killed = last_run()[0]
    assert killed["state"]["type"] == "RUNNING"
    change(pipeline, "left", sleep=0)
    assert pipeline.run("flow").returncode == 0
    (found,) = asked("/flow_runs/filter", {"flow_runs": {"id": {"any_": [killed["id"]]}}, "sort": "ID_DESC"})
    assert found["state"]["type"] == "CRASHED"


def test_a_wrong_stage_name_is_one_line(pipeline: Pipeline) -> None:
    process = pipeline.command("flow")
    assert process[-1] == "flows.retrain"
    pipeline.command = lambda driver: [*process, "rihgt"]  # type: ignore[method-assign]
    done = pipeline.run("flow")
    assert done.returncode == 1
    assert "dvc.yaml: rihgt: no such stage" in done.stderr
    assert "Traceback" not in done.stderr
