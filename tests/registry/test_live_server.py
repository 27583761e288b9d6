"""The whole registry through a live MLflow server, as a team uses it: only the URI is set."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from textmill.registry.promotion import register
from textmill.registry.verify import verify

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server that proxies its artifacts; ended with the test."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(address)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_it_answers(address: str) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=2):
                return
        except (urllib.error.URLError, TimeoutError):
            assert time.monotonic() < deadline, "the MLflow server did not start"
            time.sleep(0.5)


def test_models_are_registered_promoted_and_verified_over_http(
    project, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    outcomes = register(project.root)
    promoted = [outcome.model for outcome in outcomes if outcome.status == "promoted"]
    assert promoted and all(outcome.version for outcome in outcomes)
    again = register(project.root)
    assert [item.version for item in again] == [item.version for item in outcomes]
    for name in promoted:
        checked = verify(project.root, f"models:/{name}@champion")
        assert checked.ok, checked.render()
    versions = mlflow.MlflowClient(server, server).search_model_versions(f"name='{promoted[0]}'")
    assert [version.version for version in versions] == ["1"] and versions[0].description
