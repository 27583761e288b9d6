"""Two workspaces in which the smoke profile has run: by the flow, and by `dvc repro`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

MINUTES = 60


@dataclass(frozen=True)
class Workspace:
    """A copy of the working tree with the smoke profile in its params.yaml."""

    root: Path
    variables: dict[str, str]

    def run(self, *command: str, timeout: float = 10 * MINUTES) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the workspace; its output is captured as text."""
        return subprocess.run(
            command, cwd=self.root, env=self.variables, capture_output=True, text=True, timeout=timeout
        )

    def ok(self, *command: str, timeout: float = 10 * MINUTES) -> str:
        """The same, and the command must succeed; returns standard output and error together."""
        done = self.run(*command, timeout=timeout)
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{output[-6000:]}"
        return output


def copy_of(root: Path, directory: Path) -> Workspace:
    """Copy what git tracks (and new files it does not ignore) into `directory` and set the smoke profile."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and name != "dvc.lock" and (root / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, directory / name)
    variables = dict(os.environ)
    variables.pop("MLFLOW_TRACKING_URI", None)
    variables.update(
        {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{directory / 'src'}{os.pathsep}{directory}",
            "TEXTMILL_PREFECT_PORT": str(free_port()),
            "TEXTMILL_MLFLOW_PORT": str(free_port()),
            "GIT_AUTHOR_NAME": "tester",
            "GIT_AUTHOR_EMAIL": "tester@example.com",
            "GIT_COMMITTER_NAME": "tester",
            "GIT_COMMITTER_EMAIL": "tester@example.com",
        }
    )
    workspace = Workspace(directory, variables)
    workspace.ok(sys.executable, "-m", "textmill.cli", "params", "use", "smoke")
    workspace.ok("git", "init", "--quiet")
    workspace.ok("git", "add", "--all")
    workspace.ok("git", "commit", "--quiet", "--message", "A workspace")
    return workspace


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def flown(root: Path, tmp_path_factory: pytest.TempPathFactory):
    """The workspace that the flow ran in; its servers are stopped at the end."""
    workspace = copy_of(root, tmp_path_factory.mktemp("flow"))
    try:
        output = workspace.ok(sys.executable, "-m", "flows.retrain")
        (workspace.root / ".textmill").mkdir(exist_ok=True)
        (workspace.root / ".textmill" / "first-run.txt").write_text(output, encoding="utf-8")
        yield workspace
    finally:
        workspace.run(sys.executable, "-m", "flows.server", "down")


@pytest.fixture(scope="session")
def reproduced(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace that `dvc repro` ran in."""
    workspace = copy_of(root, tmp_path_factory.mktemp("repro"))
    workspace.ok("dvc", "repro")
    return workspace
