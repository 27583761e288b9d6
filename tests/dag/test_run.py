"""What runs, what does not, and what a person reads when a stage fails."""

from __future__ import annotations

import json
import shutil

import pytest
from ruamel.yaml import YAML

from tests.synthetic import Cheap, Pipeline, build, diamond
from textmill.dag.console import plan_table
from textmill.dag.plan import Plan, Step, make_plan
from textmill.dag.repository import open_repository
from textmill.dag.run import Outcome, run_all, session
from textmill.errors import UserError


@pytest.fixture
def pipeline(tmp_path, monkeypatch) -> Pipeline:
    """The diamond, with the environment its stages need."""
    made = diamond(tmp_path / "repo")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.root)
    return made


def bring(pipeline: Pipeline, *targets: str) -> dict[str, Outcome]:
    """Run the DAG in this process; the outcomes by name."""
    pipeline.forget_executed()
    with session(pipeline.root, targets) as current:
        return {outcome.name: outcome for outcome in run_all(current)}


def statuses(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome.status for name, outcome in outcomes.items()}


def change(pipeline: Pipeline, name: str, **knobs) -> None:
    next(stage for stage in pipeline.stages if stage.name == name).knobs.update(knobs)
    pipeline.write()


def test_everything_runs_once_and_then_nothing(pipeline: Pipeline) -> None:
    assert set(statuses(bring(pipeline)).values()) == {"ran"}
    assert sorted(pipeline.executed) == ["island", "left", "merge", "raw", "right"]
    lock = pipeline.lock
    assert set(statuses(bring(pipeline)).values()) == {"cached"}
    assert pipeline.executed == []
    assert pipeline.lock == lock


def test_a_change_runs_what_depends_on_it_and_no_more(pipeline: Pipeline) -> None:
    bring(pipeline)
    change(pipeline, "right", value=5)
    found = statuses(bring(pipeline))
    assert pipeline.executed == ["right", "merge"]
    assert found == {"raw": "cached", "left": "cached", "right": "ran", "merge": "ran", "island": "cached"}


def test_equal_bytes_upstream_leave_downstream_cached(pipeline: Pipeline) -> None:
    change(pipeline, "right", constant=True)
    bring(pipeline)
    change(pipeline, "right", value=5)
    found = statuses(bring(pipeline))
    assert pipeline.executed == ["right"]
    assert (found["right"], found["merge"]) == ("ran", "cached")


def test_going_back_restores_outs_without_running(pipeline: Pipeline) -> None:
    bring(pipeline)
    before = pipeline.lock
    change(pipeline, "raw", value=5)
    bring(pipeline)
    change(pipeline, "raw", value=0)
    del pipeline.stages[0].knobs["value"]
    pipeline.write()
    found = statuses(bring(pipeline))
    assert pipeline.executed == []
    assert found["raw"] == found["merge"] == "restored"
    assert pipeline.lock == before


def test_missing_outs_come_back_from_the_cache(pipeline: Pipeline) -> None:
    bring(pipeline)
    shutil.rmtree(pipeline.root / "data")
    assert set(statuses(bring(pipeline)).values()) == {"restored"}
    assert pipeline.executed == []
    assert (pipeline.root / "data" / "merge.txt").exists()


def test_a_failure_stops_only_what_needs_it_and_says_what_the_stage_said(pipeline: Pipeline) -> None:
    change(pipeline, "left", fail="a number")
    outcomes = bring(pipeline)
    assert statuses(outcomes) == {
        "raw": "ran",
        "left": "failed",
        "right": "ran",
        "merge": "skipped",
        "island": "ran",
    }
    assert outcomes["left"].error == "corpus.txt: row 7: expected text, found a number."
    change(pipeline, "left", fail="")
    assert set(statuses(bring(pipeline)).values()) <= {"ran", "cached"}
    assert pipeline.executed == ["left", "merge"]


def test_a_crash_is_told_in_one_line(pipeline: Pipeline) -> None:
    change(pipeline, "left", crash=True)
    assert bring(pipeline)["left"].error == "stopped by ValueError: a bug"


def test_a_missing_output_is_named(pipeline: Pipeline) -> None:
    yaml = YAML()
    declared = yaml.load(pipeline.root / "dvc.yaml")
    declared["stages"]["island"]["outs"] = ["data/never.txt"]
    yaml.dump(declared, pipeline.root / "dvc.yaml")
    assert "data/never.txt" in bring(pipeline)["island"].error


def test_a_killed_stage_is_told_from_a_failed_one(pipeline: Pipeline) -> None:
    code = (pipeline.root / "pipelines" / "cheap.py").read_text()
    killed = code.replace(
        "    knobs = read",
        "    os.kill(os.getpid(), 9) if stage.item == 'island' else None\n    knobs = read",
    )
    (pipeline.root / "pipelines" / "cheap.py").write_text(killed)
    assert "SIGKILL" in bring(pipeline)["island"].error


def test_the_command_prints_no_traceback_for_a_mistake(pipeline: Pipeline) -> None:
    change(pipeline, "left", fail="a number")
    done = pipeline.run("dag")
    assert done.returncode == 1
    assert "left: error: corpus.txt: row 7: expected text, found a number." in done.stderr
    assert "merge skipped" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "git add" not in done.stderr + done.stdout


def test_targets_bring_what_they_need(pipeline: Pipeline) -> None:
    assert set(bring(pipeline, "right")) == {"raw", "right"}
    assert pipeline.executed == ["raw", "right"]
    with pytest.raises(UserError, match=r"dvc.yaml: rihgt: no such stage. Known here: .*right"):
        bring(pipeline, "rihgt")


def test_two_runs_in_one_checkout_are_refused(pipeline: Pipeline) -> None:
    with session(pipeline.root), pytest.raises(UserError, match=r"in progress .*process \d+, since \d{4}"):
        bring(pipeline)


def test_independent_stages_run_side_by_side_under_their_slots(tmp_path, monkeypatch) -> None:
    wide = build(tmp_path / "repo", [Cheap(f"s{i}", (), {"sleep": 0.5}) for i in range(4)])
    for name, value in wide.environment.items():
        monkeypatch.setenv(name, value)
    for slots, fewest, most in (("4", 2, 4), ("1", 1, 1)):
        monkeypatch.setenv("TEXTMILL_SLOTS", slots)
        running: set[str] = set()
        seen = []

        def started(step: Step, running: set[str] = running, seen: list[int] = seen) -> None:
            running.add(step.name)
            seen.append(len(running))

        with session(wide.root) as current:
            run_all(current, started, lambda outcome, running=running: running.discard(outcome.name))
        assert fewest <= max(seen) <= most
        for stage in wide.stages:
            stage.knobs["value"] = 1
        wide.write()


def test_the_plan_says_what_is_stale_and_why(pipeline: Pipeline) -> None:
    bring(pipeline)
    assert "All 5 stages are up to date." in plan_table(make_plan(open_repository(pipeline.root)))
    change(pipeline, "right", value=5)
    (pipeline.root / "data" / "island.txt").unlink()
    plan = make_plan(open_repository(pipeline.root))
    assert {step.name for step in plan.stale} == {"right", "island"}
    assert plan.by_name["right"].reasons == ("params.yaml: run.right changed",)
    assert plan.by_name["island"].reasons == ("output data/island.txt is missing",)
    assert "merge   maybe   reads what right will write" in plan_table(plan)


def test_slots_that_are_no_number_are_named(pipeline: Pipeline) -> None:
    pipeline.stages[0].slots = "many"  # type: ignore[assignment]
    pipeline.write()
    with pytest.raises(UserError, match=r"dvc.yaml: raw: meta.slots: expected an integer .* found 'many'"):
        make_plan(open_repository(pipeline.root))


def test_a_broken_dvc_yaml_is_one_paragraph(pipeline: Pipeline) -> None:
    (pipeline.root / "dvc.yaml").write_text("stages:\n  raw: [")
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        make_plan(open_repository(pipeline.root))


def test_a_folder_without_dvc_is_named(tmp_path) -> None:
    with pytest.raises(UserError, match="not a DVC repository"):
        open_repository(tmp_path)


def test_what_reads_a_stage_is_behind_it() -> None:
    plan = Plan((Step("a"), Step("b", ("a",)), Step("c", ("b",)), Step("d")))
    assert plan.behind(["a"]) == {"a", "b", "c"}
    assert [step.name for step in plan.before(["b"]).steps] == ["a", "b"]


def test_locks_of_dead_processes_do_not_block(pipeline: Pipeline) -> None:
    folder = pipeline.root / ".dvc" / "tmp"
    folder.mkdir(exist_ok=True)
    dead = {"pid": 2**22 - 3, "cmd": "dvc repro"}
    out = str(pipeline.root / "data" / "raw.txt")
    (folder / "rwlock").write_text(json.dumps({"write": {out: dead}, "read": {out: [dead]}}))
    assert bring(pipeline)["raw"].status == "ran"
    (folder / "rwlock").write_text('{"write": {"')
    assert set(statuses(bring(pipeline)).values()) == {"cached"}
