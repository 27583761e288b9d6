"""Every stage's code deps are what it imports: no code change leaves a stale cache."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from textmill.dag.closure import closure, gaps, stage_module, wanted_deps

ROOT = Path(__file__).resolve().parents[2]
STAGES = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

LOADED = """
import json, sys, importlib
importlib.import_module(sys.argv[1])
print(json.dumps([m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)]))
"""


def test_dvc_yaml_lists_the_import_closure_of_every_stage() -> None:
    found = {name: missing for name, (missing, _) in gaps(ROOT).items() if missing}
    assert not found, f"run `make deps`: {found}"


def test_dvc_yaml_lists_no_code_that_a_stage_does_not_import() -> None:
    found = {name: extra for name, (_, extra) in gaps(ROOT).items() if extra}
    assert not found, f"run `make deps`: {found}"


def test_every_stage_runs_a_module_of_pipelines() -> None:
    assert {name: stage_module(entry) for name, entry in STAGES.items()} == {
        name: f"pipelines.{name}" for name in STAGES
    }


def test_no_stage_depends_on_all_of_the_source() -> None:
    for entry in STAGES.values():
        deps = entry.get("do", entry).get("deps", [])
        assert not {"src", "src/textmill", "pipelines"} & {str(dep).rstrip("/") for dep in deps}


@pytest.mark.parametrize("name", sorted(STAGES))
def test_what_python_loads_is_in_the_closure(name: str) -> None:
    """The reference is the interpreter: import the stage and look at what was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, f"pipelines.{name}"],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    loaded = {Path(file) for file in json.loads(done.stdout)}
    ours = {path.relative_to(ROOT).as_posix() for path in loaded if path.is_relative_to(ROOT / "src")}
    ours |= {path.relative_to(ROOT).as_posix() for path in loaded if path.is_relative_to(ROOT / "pipelines")}
    assert ours <= set(closure(f"pipelines.{name}", ROOT))
    assert f"pipelines/{name}.py" in ours


@pytest.mark.parametrize("name", ["ingest", "tasks"])
def test_stages_that_read_packages_depend_on_their_list(name: str) -> None:
    assert "requirements.lock" in wanted_deps(name, f"pipelines.{name}", ROOT)
