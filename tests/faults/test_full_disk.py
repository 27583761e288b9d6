"""Disks that fill up while a stage writes, as its user meets them."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.faults.conftest import refusal

SLOW = pytest.mark.slow


def full(attempt: Any, stage: str, writing: str = "") -> None:
    """The stage refused with the message for a full disk, which names what it was writing."""
    message = refusal(attempt.code, attempt.output, *stage.split())
    assert message.startswith("the disk is full" + (f" writing {writing}" if writing else "")), message
    assert "free some space and run the same command again" in message


@pytest.mark.parametrize(
    ("stage", "outs"),
    [
        ("ingest", ["data/raw"]),
        ("clean", ["data/clean"]),
        ("tokenize", ["data/tokens"]),
        pytest.param("tasks sentiment", ["data/tasks/sentiment"], marks=SLOW),
        pytest.param("annotate", ["data/signals"], marks=SLOW),
        pytest.param("contamination", ["data/contamination", "reports/contamination.json"], marks=SLOW),
        pytest.param("select", ["data/corpus", "data/ledger", "reports/corpus.json"], marks=SLOW),
        pytest.param("tokenizer", ["models/tokenizer/tokenizer.json", "reports/tokenizer.json"], marks=SLOW),
    ],
)
@pytest.mark.parametrize("again", [False, pytest.param(True, marks=SLOW)])
def test_a_disk_that_fills_up(made, small_disk, stage: str, outs: list[str], again: bool) -> None:
    """What an earlier run left stays; once there is space, the bytes are those of an undisturbed run.

    There is room for three fifths of what the stage writes. With clean two worker processes write, and the
    error comes through their pool.
    """
    if stage == "ingest":
        made.stage("ingest")
    if stage == "clean":
        assert len(list((made.root / "data" / "raw").glob("part-*"))) == 3
        made.params({"run.workers": 2})
    wanted = made.outs()
    written = sum(len(content) for name, content in wanted.items() if name.startswith(tuple(outs)))
    for out in [] if again else outs:
        path = made.root / out
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = made.outs()
    disturbed, freed = small_disk(made, written * 3 // 5 // 1024, *stage.split())
    # Contamination is full while its shards are still on their way, outside the outs.
    full(disturbed, stage, "" if stage == "contamination" else outs[0])
    assert disturbed.outs == before
    assert freed.code == 0, freed.output
    assert freed.outs == wanted


@SLOW
def test_an_index_that_does_not_fit_costs_dedup_nothing_but_time(made, small_disk) -> None:
    wanted = made.outs()
    disturbed, freed = small_disk(made, 8, "dedup")
    assert disturbed.code == 0 and disturbed.outs == wanted, disturbed.output
    assert freed.code == 0 and freed.outs == wanted


@SLOW
@pytest.mark.parametrize(
    ("stage", "seconds", "writing"),
    [
        ("pretrain encoder", 1e9, "models/pretrained/encoder"),
        ("pretrain encoder", 1e-9, ".textmill/checkpoints/"),
        ("finetune sentiment-small", 1e-9, ".textmill/checkpoints/"),
    ],
)
def test_a_disk_that_fills_up_while_weights_are_saved(
    made, small_disk, stage: str, seconds: float, writing: str
) -> None:
    """They are written by a library in Rust, which reports the full disk in its own way."""
    name, item = stage.split()
    if name == "finetune":
        made.stage("pretrain", "encoder")
    made.params({f"{name}.{item}.checkpoint_seconds": seconds})
    before = made.outs()
    disturbed, freed = small_disk(made, 60, name, item)
    full(disturbed, stage, writing)
    assert disturbed.outs == before
    assert freed.code == 0, freed.output
    made.stage(name, item)
    assert freed.outs == made.outs()
