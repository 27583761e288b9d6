"""`dvc repro`, the runner of textmill.dag and the Prefect flow leave the same bytes in dvc.lock."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.synthetic import Cheap, Pipeline, build, random_stages

SEEDS = (11,)


def pair(tmp_path: Path, seed: int) -> tuple[Pipeline, Pipeline]:
    """The same random pipeline twice."""
    return build(tmp_path / "one", random_stages(seed, 6)), build(tmp_path / "two", random_stages(seed, 6))


def same_after_run(reference: Pipeline, other: Pipeline, driver: str) -> None:
    for pipeline, how in ((reference, "dvc"), (other, driver)):
        done = pipeline.run(how)
        assert done.returncode == 0, done.stderr
    assert other.lock == reference.lock
    outs = sorted(path.relative_to(reference.root) for path in (reference.root / "data").rglob("*"))
    assert outs == sorted(path.relative_to(other.root) for path in (other.root / "data").rglob("*"))


def grow(pipeline: Pipeline, seed: int) -> None:
    """Change a stage and add one that reads two others: what `dvc repro` appends to its lock."""
    draw = random.Random(seed)
    draw.choice(pipeline.stages).knobs["value"] = 99
    names = sorted(stage.name for stage in pipeline.stages)
    pipeline.stages.insert(0, Cheap("added", tuple(draw.sample(names, 2)), {"value": 1}))
    pipeline.write()


@pytest.mark.parametrize("seed", SEEDS)
def test_runner_and_dvc_repro_leave_the_same_lock(tmp_path, seed: int) -> None:
    reference, other = pair(tmp_path, seed)
    same_after_run(reference, other, "dag")
    for pipeline in (reference, other):
        grow(pipeline, seed)
    same_after_run(reference, other, "dag")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [21])
def test_flow_and_dvc_repro_leave_the_same_lock(tmp_path, seed: int) -> None:
    reference, other = pair(tmp_path, seed)
    same_after_run(reference, other, "flow")
    for pipeline in (reference, other):
        grow(pipeline, seed)
    same_after_run(reference, other, "flow")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30, 34))
@pytest.mark.parametrize("driver", ["dag", "flow"])
def test_drivers_leave_the_same_lock_on_many_dags(tmp_path, seed: int, driver: str) -> None:
    reference, other = pair(tmp_path, seed)
    same_after_run(reference, other, driver)
    for pipeline in (reference, other):
        grow(pipeline, seed)
    same_after_run(reference, other, driver)


def test_each_driver_finds_nothing_to_do_after_the_other(tmp_path) -> None:
    pipeline = build(tmp_path / "repo", random_stages(14, 4))
    for first, second in (("dvc", "dag"), ("dag", "dvc")):
        pipeline.stages[0].knobs["value"] = 50 + len(first)
        pipeline.write()
        assert pipeline.run(first).returncode == 0
        lock = pipeline.lock
        pipeline.forget_executed()
        assert pipeline.run(second).returncode == 0
        assert pipeline.executed == []
        assert pipeline.lock == lock
