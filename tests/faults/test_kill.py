"""kill -9 at random moments: the same command again finishes, with the lock of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.synthetic import Pipeline, build, diamond, random_stages
from textmill.dag.lockfile import whole

SLEEP = 0.15


def stages_of(pipeline: Pipeline) -> list[psutil.Process]:
    """Living processes that DVC started for a stage of this pipeline."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("DVC_ROOT") == str(pipeline.root)
            if mine and process.status() != psutil.STATUS_ZOMBIE and "pipelines.cheap" in process.cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_until_gone(pipeline: Pipeline, seconds: float = 2) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    while stages_of(pipeline) and time.monotonic() < deadline:
        time.sleep(0.02)
    return stages_of(pipeline)


def disturb(pipeline: Pipeline, driver: str, draw: random.Random, longest: float) -> None:
    """Start a driver and kill, at a random moment, either it or one of its stages."""
    process = pipeline.start(driver)
    time.sleep(draw.uniform(0.2, longest))
    victims = stages_of(pipeline) if draw.random() < 0.3 else []
    if victims:
        victims[0].kill()
        process.wait(60)
    else:
        process.kill()
        process.wait(10)
    assert wait_until_gone(pipeline) == [], "a stage outlived the driver"


def survives(tmp_path: Path, driver: str, seed: int, kills: int, most: int = 7) -> None:
    reference = build(tmp_path / "reference", random_stages(seed, most, sleep=SLEEP))
    pipeline = build(tmp_path / "disturbed", random_stages(seed, most, sleep=SLEEP))
    begun = time.monotonic()
    assert reference.run("dvc").returncode == 0
    longest = time.monotonic() - begun
    draw = random.Random(seed)
    for _ in range(kills):
        disturb(pipeline, driver, draw, longest)
    done = pipeline.run(driver)
    assert done.returncode == 0, done.stderr
    assert pipeline.lock == reference.lock


@pytest.mark.parametrize("driver", ["dag", "dvc"])
def test_a_killed_run_goes_on_where_it_was(tmp_path, driver: str) -> None:
    survives(tmp_path, driver, seed=5, kills=2, most=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("driver", ["dag", "dvc", "flow"])
def test_many_kills_at_random_moments(tmp_path, driver: str, seed: int) -> None:
    survives(tmp_path, driver, seed, kills=4)


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_a_stage_behind_a_shell_that_waits_dies_with_the_driver(tmp_path, shell: str) -> None:
    pipeline = build(tmp_path / "repo", random_stages(1, most=3, sleep=20))
    # With a second command the shell cannot replace itself by the stage, and stands in between.
    declared = (pipeline.root / "dvc.yaml").read_text()
    (pipeline.root / "dvc.yaml").write_text(declared.replace("cmd: python", "cmd: true && python"))
    text = (pipeline.root / "dvc.yaml").read_text()
    lines = [line + " && true" if "cmd: true" in line else line for line in text.splitlines()]
    (pipeline.root / "dvc.yaml").write_text("\n".join(lines) + "\n")
    os.environ["SHELL"], before = shell, os.environ.get("SHELL", "")
    try:
        process = pipeline.start("dvc")
        deadline = time.monotonic() + 30
        while not stages_of(pipeline) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.7)
        assert any("pipelines.cheap" in stage.cmdline() for stage in stages_of(pipeline))
    finally:
        os.environ["SHELL"] = before
        process.kill()
        process.wait(10)
    assert [stage for stage in wait_until_gone(pipeline) if stage.name().startswith("python")] == []


def test_a_lock_cut_off_by_the_kill_of_dvc_repro_is_mended_behind_it(tmp_path) -> None:
    pipeline = diamond(tmp_path / "repo", sleep=0)
    assert pipeline.run("dvc").returncode == 0
    lock = pipeline.lock
    for stage in pipeline.stages:
        stage.knobs["sleep"] = 0 if stage.name == "raw" else 30
    pipeline.write()
    process = pipeline.start("dvc")
    deadline = time.monotonic() + 30
    while "left" not in pipeline.executed[5:] and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    # What DVC's writing in place leaves when it is killed in the middle.
    torn = next(lock[:cut] for cut in range(len(lock) // 2, len(lock)) if not whole(lock[:cut]))
    (pipeline.root / "dvc.lock").write_text(torn)
    (pipeline.root / ".dvc" / "tmp" / "rwlock").write_text('{"write": {"/')
    process.kill()
    process.wait(10)
    deadline = time.monotonic() + 5
    while not whole(pipeline.lock) and time.monotonic() < deadline:
        time.sleep(0.02)
    for stage in pipeline.stages:
        stage.knobs["sleep"] = 0
    pipeline.write()
    done = pipeline.run("dvc")
    assert done.returncode == 0, done.stderr
    assert pipeline.lock == lock
    assert wait_until_gone(pipeline) == []


@pytest.mark.parametrize("driver", ["dag"])
def test_a_torn_lock_does_not_stop_a_run(tmp_path, driver: str) -> None:
    pipeline = diamond(tmp_path / "repo", sleep=0)
    assert pipeline.run("dvc").returncode == 0
    lock = pipeline.lock
    for cut in (0, 10, len(lock) // 3, len(lock) - 9):
        (pipeline.root / "dvc.lock").write_text(lock[:cut])
        pipeline.forget_executed()
        done = pipeline.run(driver)
        assert done.returncode == 0, done.stderr
        assert pipeline.lock == lock
        assert pipeline.executed == [], "the run cache has the outs"


def test_ctrl_c_ends_quietly_and_the_run_goes_on_later(tmp_path) -> None:
    pipeline = diamond(tmp_path / "repo", sleep=1.5)
    process = pipeline.start("dag")
    deadline = time.monotonic() + 30
    while not stages_of(pipeline) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.8)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert "Traceback" not in (pipeline.root / ".textmill-output").read_text()
    assert wait_until_gone(pipeline) == []
    assert pipeline.run("dag").returncode == 0


def test_a_stage_started_by_hand_needs_no_driver(tmp_path) -> None:
    pipeline = diamond(tmp_path / "repo", sleep=0)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cheap", "raw"],
        cwd=pipeline.root,
        env=pipeline.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert (pipeline.root / "data" / "raw.txt").exists()
