"""Workspaces in which single stages run as a user runs them, and what holds when one refuses its input."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

OUTS = ("data", "models", "reports")

MEASURE = (
    "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
    "print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)
"""Runs a command from a small process: a child's peak counts what its parent held when it was forked."""


@dataclass(frozen=True)
class Mill:
    """A directory with params.yaml, the test data and whatever stages have written there."""

    root: Path
    variables: dict[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the directory; its output is captured as text."""
        return subprocess.run(
            command, cwd=self.root, env=self.variables, capture_output=True, text=True, timeout=300
        )

    def stage(self, *arguments: str) -> None:
        """Run a stage (its name and, if it has one, its item), which must succeed."""
        done = self.run(sys.executable, "-m", f"pipelines.{arguments[0]}", *arguments[1:])
        assert done.returncode == 0, done.stderr

    def refuses(self, *arguments: str, peak_mb: float | None = None) -> str:
        """Run a stage that must end with the user's mistake in one paragraph, and return that paragraph.

        What lay in the out directories is still there and the same, and nothing has come beside it.
        """
        before = self.outs()
        command = [sys.executable, "-m", f"pipelines.{arguments[0]}", *arguments[1:]]
        done = self.run(sys.executable, "-c", MEASURE, *command)
        assert self.outs() == before, "a stage that failed changed what is in its out directories"
        if peak_mb is not None:
            assert int(done.stdout.split()[-1]) / 1024 < peak_mb
        return refusal(done.returncode, done.stdout + done.stderr, *arguments)

    def outs(self) -> dict[str, bytes]:
        """Every file below the out directories, hidden ones too."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for name in OUTS
            for path in sorted((self.root / name).rglob("*"))
            if path.is_file()
        }

    def params(self, values: dict[str, Any]) -> None:
        """Set dotted keys of params.yaml; None removes a key."""
        yaml = YAML()
        file = self.root / "params.yaml"
        content = yaml.load(file.read_text(encoding="utf-8"))
        for key, value in values.items():
            *path, last = key.split(".")
            node = content
            for part in path:
                node = node.setdefault(part, {})
            if value is None:
                del node[last]
            else:
                node[last] = value
        with file.open("w", encoding="utf-8") as out:
            yaml.dump(content, out)

    def write(self, name: str, content: bytes) -> None:
        """Write a file, with the folders it lies in."""
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(content)

    def source(self, name: str, content: bytes, **declared: Any) -> None:
        """Make a file, the only one of the only source."""
        self.write(f"sources/{name}", content)
        declaration = {"kind": "files", "paths": [name], "license": "CC0-1.0", **declared}
        self.params({"ingest.local": "sources", "ingest.sources": {"mine": declaration}})

    def copy(self, directory: Path) -> Mill:
        """The same in another directory."""
        shutil.copytree(self.root, directory, dirs_exist_ok=True)
        return Mill(directory, dict(self.variables))


def refusal(code: int, output: str, *arguments: str) -> str:
    """The error paragraph of a stage that ended with exit status 2 and nothing but that paragraph."""
    assert "Traceback" not in output, output
    assert code == 2, output
    prefix = f"{'@'.join(arguments)}: error: "
    errors = [line for line in output.splitlines() if "error: " in line]
    assert len(errors) == 1 and errors[0].startswith(prefix), output
    said = [line for line in output.splitlines() if not line.startswith("peak ")]
    assert said[-1] == errors[0], output
    return errors[0].removeprefix(prefix)


@pytest.fixture(scope="session")
def fresh_mill(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Mill:
    """The smoke profile before anything has run, without the task of summaries."""
    directory = tmp_path_factory.mktemp("mill")
    shutil.copytree(root / "tests" / "data", directory / "tests" / "data")
    shutil.copytree(root / "conf", directory / "conf")
    for name in ("params.yaml", "exclusions.jsonl", "requirements.lock"):
        shutil.copy2(root / name, directory / name)
    variables = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "TEXTMILL_"))},
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'src'}",
        "OMP_NUM_THREADS": "1",
        "TEXTMILL_CACHE": str(directory / "cache"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
    }
    mill = Mill(directory, variables)
    done = mill.run(sys.executable, "-m", "textmill.cli", "params", "use", "smoke")
    assert done.returncode == 0, done.stderr
    mill.params({"tasks.summarization": None})
    return mill


@pytest.fixture(scope="session")
def made_mill(fresh_mill: Mill, tmp_path_factory: pytest.TempPathFactory) -> Mill:
    """The same after all data stages and the tokenizer; each source has a shard of raw documents."""
    mill = fresh_mill.copy(tmp_path_factory.mktemp("made"))
    for stage in ("ingest", "tasks sentiment", "tasks translation"):
        mill.stage(*stage.split())
    for stage in ("clean", "annotate", "dedup", "contamination", "select", "tokenizer", "tokenize"):
        mill.stage(stage)
    return mill


@pytest.fixture
def fresh(fresh_mill: Mill, tmp_path: Path) -> Mill:
    """A workspace of one's own in which nothing has run."""
    return fresh_mill.copy(tmp_path / "fresh")


@pytest.fixture
def made(made_mill: Mill, tmp_path: Path) -> Mill:
    """A workspace of one's own in which the data stages have run."""
    return made_mill.copy(tmp_path / "made")


@dataclass(frozen=True)
class Attempt:
    """A run of a stage on the small disk: exit status, what it printed, and the out files behind it."""

    code: int
    output: str
    outs: dict[str, bytes]


@pytest.fixture
def small_disk(tmp_path: Path) -> Callable[..., tuple[Attempt, Attempt]]:
    """A function (workspace, KiB that are left, stage and item) that runs a stage on a disk that fills up.

    The workspace is copied to the disk. Returns the run that met the full disk and the one after space was
    made.
    """
    namespace = ["unshare", "--mount"]
    if os.geteuid() != 0:
        namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    mount = tmp_path / "disk"
    mount.mkdir()
    probe = [*namespace, "mount", "-t", "tmpfs", "tmpfs", str(mount)]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("a disk of a chosen size needs the right to mount a tmpfs in a namespace of its own")

    def fill(mill: Mill, kib: int, *stage: str) -> tuple[Attempt, Attempt]:
        script = str(Path(__file__).with_name("small_disk.py"))
        done = mill.run(*namespace, sys.executable, script, str(mount), str(mill.root), str(kib), *stage)
        assert done.returncode == 0, done.stderr
        return tuple(
            Attempt(
                run["code"],
                run["output"],
                {name: base64.b64decode(content) for name, content in run["outs"].items()},
            )
            for run in map(json.loads(done.stdout).get, ("full", "freed"))
        )

    return fill
