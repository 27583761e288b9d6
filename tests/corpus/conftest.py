"""What tests of several rooms need: a Ray cluster of more than one node."""

import sys

import pytest


@pytest.fixture
def cluster(monkeypatch):
    """A head and two nodes of one CPU each, on loopback."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    pytest.importorskip("ray").shutdown()
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": 80 << 20}
    started = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    started.others = [started.add_node(**size), started.add_node(**size)]
    yield started
    sys.modules["ray"].shutdown()
    started.shutdown()
