"""A small pipeline in a repository of its own, run by the same harness and drivers as the real one."""

from __future__ import annotations

import atexit
import functools
import os
import random
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CHECKOUT = Path(__file__).resolve().parent.parent

STAGE = '''\
"""A stage of the synthetic pipeline: digest what it reads into what it writes, piece by piece."""

import hashlib
import os
import time
from pathlib import Path

from pipelines._stage import Stage, run
from textmill.config.load import read_params
from textmill.errors import UserError


def main(stage: Stage) -> None:
    """Write every out as a chain of digests over all deps and the stage's own params."""
    knobs = read_params()["run"][stage.item]
    Path(".textmill").mkdir(exist_ok=True)
    with open(".textmill/executed", "a") as log:
        log.write(stage.item + chr(10))
    if knobs.get("fail"):
        raise UserError(f"corpus.txt: row 7: expected text, found {knobs['fail']}.")
    if knobs.get("crash"):
        raise ValueError("a bug")
    digest = hashlib.sha256(str(knobs.get("value", 0)).encode())
    for dep in knobs["deps"]:
        files = sorted(path for path in Path(dep).rglob("*") if path.is_file()) or [Path(dep)]
        for path in files:
            digest.update(path.read_bytes())
    text = "same" if knobs.get("constant") else digest.hexdigest()
    for out in knobs["outs"]:
        pieces = [hashlib.sha256(f"{text} {out} {i}".encode()).hexdigest() for i in range(20)]
        if knobs.get("folder"):
            for i, piece in enumerate(pieces[:4]):
                write(Path(out) / f"part-{i}.txt", [piece] * 5, knobs)
        else:
            write(Path(out), pieces, knobs)


def write(path: Path, pieces: list[str], knobs: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for piece in pieces:
            file.write(piece + chr(10))
            file.flush()
            time.sleep(knobs.get("sleep", 0) / 20)


if __name__ == "__main__":
    run(main, "cheap", "task")
'''


@dataclass
class Cheap:
    """A stage of a synthetic pipeline: `reads` names other stages."""

    name: str
    reads: tuple[str, ...] = ()
    knobs: dict[str, Any] = field(default_factory=dict)
    slots: int = 1
    metric: bool = False

    @property
    def out(self) -> str:
        return f"data/{self.name}" + ("" if self.knobs.get("folder") else ".txt")


@dataclass
class Pipeline:
    """A git and DVC repository in `root` with the stages it was built from."""

    root: Path
    stages: list[Cheap]

    def write(self) -> None:
        """Write dvc.yaml and params.yaml for the stages as they are now."""
        by_name = {stage.name: stage for stage in self.stages}
        declared, knobs = {}, {}
        for stage in self.stages:
            deps = [by_name[name].out for name in stage.reads]
            outs = [stage.out]
            entry: dict[str, Any] = {
                "cmd": f"python -m pipelines.cheap {stage.name}",
                "deps": [*deps, "pipelines/cheap.py"],
                "params": [f"run.{stage.name}"],
                "outs": outs,
                "meta": {"slots": stage.slots},
            }
            if stage.metric:
                metric = f"reports/{stage.name}.json"
                outs = [*outs, metric]
                entry["metrics"] = [metric]
            declared[stage.name] = entry
            knobs[stage.name] = {"deps": deps, "outs": outs, **stage.knobs}
        yaml = YAML()
        yaml.dump({"stages": declared}, self.root / "dvc.yaml")
        yaml.dump({"seed": 1, "run": knobs}, self.root / "params.yaml")

    @property
    def environment(self) -> dict[str, str]:
        """What a command in this repository needs of its environment."""
        return {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join([str(self.root), str(CHECKOUT / "src"), str(CHECKOUT)]),
            "TEXTMILL_ROOT": str(self.root),
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.root / ".dvc" / "site"),
        }

    def command(self, driver: str) -> list[str]:
        """The command line of a driver: ``dvc``, ``dag`` (no Prefect) or ``flow`` (see `prefect_api`)."""
        if driver == "dvc":
            return [sys.executable, "-m", "dvc", "repro", "-q"]
        if driver == "dag":
            return [sys.executable, "-m", "textmill.dag", "run"]
        return [sys.executable, "-m", "flows.retrain"]

    def _environment_of(self, driver: str) -> dict[str, str]:
        return self.environment | ({"PREFECT_API_URL": prefect_api()} if driver == "flow" else {})

    def run(self, driver: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
        """Run a driver to its end and return its output."""
        return subprocess.run(
            self.command(driver),
            cwd=self.root,
            env=self._environment_of(driver) | kwargs.pop("env", {}),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **kwargs,
        )

    def start(self, driver: str) -> subprocess.Popen[bytes]:
        """Start a driver in a session of its own, so that a test can kill it."""
        with (self.root / ".textmill-output").open("ab") as output:
            return subprocess.Popen(
                self.command(driver),
                cwd=self.root,
                env=self._environment_of(driver),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def lock(self) -> str:
        """The text of dvc.lock."""
        return (self.root / "dvc.lock").read_text(encoding="utf-8")

    @property
    def executed(self) -> list[str]:
        """The stages whose command ran, in the order they began, since `forget_executed`."""
        log = self.root / ".textmill" / "executed"
        return log.read_text().split() if log.exists() else []

    def forget_executed(self) -> None:
        """Start a new record of what ran."""
        (self.root / ".textmill" / "executed").unlink(missing_ok=True)


def build(root: Path, stages: list[Cheap]) -> Pipeline:
    """Make a git and DVC repository with `stages` in the empty folder `root`."""
    root.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline(root, stages)
    subprocess.run(["git", "init", "-q", "."], cwd=root, check=True)
    subprocess.run(
        [sys.executable, "-m", "dvc", "init", "-q"],
        cwd=root,
        env=pipeline.environment,
        check=True,
        timeout=120,
    )
    (root / ".gitignore").write_text("/data\n/reports\n/.textmill*\n__pycache__/\n")
    (root / ".dvcignore").write_text(".textmill\n__pycache__\n")
    folder = root / "pipelines"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_stage.py").write_text((CHECKOUT / "pipelines" / "_stage.py").read_text())
    (folder / "cheap.py").write_text(STAGE)
    pipeline.write()
    return pipeline


def diamond(root: Path, **knobs: Any) -> Pipeline:
    """raw → left, right → merge, and an island that nothing reads."""
    return build(
        root,
        [
            Cheap("raw", (), dict(knobs)),
            Cheap("left", ("raw",), {"folder": True, **knobs}),
            Cheap("right", ("raw",), dict(knobs)),
            Cheap("merge", ("left", "right"), dict(knobs), metric=True),
            Cheap("island", (), dict(knobs)),
        ],
    )


def random_stages(seed: int, most: int = 9, **knobs: Any) -> list[Cheap]:
    """A random DAG of at most `most` stages, declared in random order."""
    draw = random.Random(seed)
    names = [f"{draw.choice('abcxyz')}{i}" for i in range(draw.randint(3, most))]
    stages = [
        Cheap(
            name,
            tuple(draw.sample(names[:i], draw.randint(0, min(i, 3)))),
            {"folder": draw.random() < 0.4, "value": draw.randint(0, 9), **knobs},
            slots=draw.randint(1, 3),
            metric=draw.random() < 0.3,
        )
        for i, name in enumerate(names)
    ]
    draw.shuffle(stages)
    return stages


@functools.cache
def prefect_api() -> str:
    """The API address of a Prefect server for this test session, started at the first call."""
    from flows.services import Service
    from flows.settings import prepare

    home = Path(tempfile.mkdtemp(prefix="textmill-prefect-"))
    prepare()
    service = Service(
        name="prefect",
        title="Prefect server",
        arguments=("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}"),
        root=home,
        port=4600,
        health="/api/health",
        environment={"PREFECT_HOME": str(home), "PREFECT_API_URL": ""},
    )
    running = service.start()
    atexit.register(lambda: (service.stop(), shutil.rmtree(home, ignore_errors=True)))
    service.wait(running)
    return f"{service.url(running)}/api"
