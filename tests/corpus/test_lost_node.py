"""Nodes that die while they work at steps of dedup: what they held is done elsewhere, to the same bytes."""

import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.corpus.curation_texts import docstrings, edited, write_documents
from textmill.config.dedup import Dedup
from textmill.corpus.dedup import find_duplicates
from textmill.corpus.dedup.partitions import _edges, _similarities
from textmill.corpus.engines.ray import Ray
from textmill.corpus.shards import write_table

PATIENCE = 60.0


def held_up(begun: Path, victim: str, function: Callable[[Any], Any], numbered: tuple[int, Any]) -> Any:
    """A part of a step: the victim never ends the one it begins, the others wait until it has begun one.

    Files in `begun` say which part was begun by which node.
    """
    import ray

    number, item = numbered
    node = ray.get_runtime_context().get_node_id()
    (begun / f"{number}-{node}").touch()
    if node == victim:
        time.sleep(10 * PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while not list(begun.glob(f"*-{victim}")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return function(item)


@dataclass(frozen=True)
class Losing(Ray):
    """A cluster that loses a node in the middle of the first step of each kind that `victims` names."""

    folder: Path = Path()
    victims: tuple[tuple[Callable[..., Any], str], ...] = ()

    def map(self, what, function, items):
        """See `textmill.corpus.engines.Engine.map`."""
        for step, victim in self.victims:
            begun = self.folder / step.__name__
            if isinstance(function, partial) and function.func is step and not begun.exists():
                begun.mkdir()
                function, items = partial(held_up, begun, victim, function), list(enumerate(items))
        return super().map(what, function, items)


def kill_once_it_works(begun: Path, node: Any, killed: list[str]) -> None:
    """Kill a node, its raylet and all that this started, as soon as it has begun a part."""
    deadline = time.monotonic() + 3 * PATIENCE
    while time.monotonic() < deadline:
        if list(begun.glob(f"*-{node.node_id}")):
            (raylet,) = node.all_processes["raylet"]
            process = psutil.Process(raylet.process.pid)
            for each in [process, *process.children(recursive=True)]:
                each.kill()
            killed.append(node.node_id)
            return
        time.sleep(0.02)


@pytest.mark.slow
def test_dedup_survives_a_node_lost_while_candidates_are_verified_and_one_while_similarities_are_counted(
    tmp_path, cluster
):
    chosen = random.Random(6)
    texts = list(docstrings(200))
    texts += [edited(text, 0.02, chosen) for text in texts[::2]]
    write_documents(tmp_path / "clean", texts, per_shard=40)
    write_table(tmp_path / "alone.parquet", find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path))
    sys.modules["ray"].cloudpickle.register_pickle_by_value(sys.modules[__name__])
    killed: list[str] = []
    steps = (_edges, _similarities)
    watchers = [
        threading.Thread(target=kill_once_it_works, args=(tmp_path / step.__name__, node, killed))
        for step, node in zip(steps, cluster.others, strict=True)
    ]
    for watcher in watchers:
        watcher.start()
    victims = tuple((step, node.node_id) for step, node in zip(steps, cluster.others, strict=True))
    engine = Losing(cluster.address, folder=tmp_path, victims=victims)
    found = find_duplicates(tmp_path / "clean", Dedup(), 1, tmp_path, index=tmp_path / "index", engine=engine)
    for watcher in watchers:
        watcher.join()
    assert killed == [node.node_id for node in cluster.others]
    for step, victim in victims:
        (lost,) = (tmp_path / step.__name__).glob(f"*-{victim}")
        number = lost.name.split("-")[0]
        assert len(list(lost.parent.glob(f"{number}-*"))) == 2
    write_table(tmp_path / "cluster.parquet", found)
    assert found.num_rows > 80
    assert (tmp_path / "cluster.parquet").read_bytes() == (tmp_path / "alone.parquet").read_bytes()
