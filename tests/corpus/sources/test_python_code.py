"""Docstrings come out as Python itself sees them, without importing anything."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.sources.source_files import ingested
from textmill.corpus.sources.python_code import docstrings, installed, standard_library
from textmill.errors import UserError


def test_agrees_with_inspect_on_the_standard_library() -> None:
    checked = 0
    for name, path in standard_library(["json", "statistics", "textwrap"]):
        module = importlib.import_module(name)
        found = {entry.name: entry for entry in docstrings(name, path)}
        for attribute, value in vars(module).items():
            if getattr(value, "__module__", None) != name or not (
                inspect.isclass(value) or inspect.isfunction(value)
            ):
                continue
            if value.__doc__ and not issubclass(type(value), type(json.JSONDecodeError)):
                assert found[f"{name}.{attribute}"].text == inspect.getdoc(value)
                checked += 1
    assert checked > 30


def test_nested_definitions_signatures_and_doubles(tmp_path: Path) -> None:
    source = '''"""模块说明。"""
import sys
if sys.platform:
    def f(self_made: int, *rest, key="磨", **more) -> str:
        """First."""
else:
    def f():
        """Second."""
class C:
    """Class."""
    def __init__(self, a, b=1): ...
    def method(self, /, x: "t" = None):
        """Method."""
        def inner():
            """Not reachable from outside."""
    @classmethod
    async def make(cls):
        """Make."""
'''
    path = tmp_path / "m.py"
    path.write_text(source, encoding="utf-8")
    found = [(entry.name, entry.signature, entry.text) for entry in docstrings("m", path)]
    assert found == [
        ("m", "", "模块说明。"),
        ("m.f", "(self_made, *rest, key='磨', **more)", "First."),
        ("m.C", "(a, b=1)", "Class."),
        ("m.C.method", "(x=None)", "Method."),
        ("m.C.make", "()", "Make."),
    ]


def test_what_python_cannot_parse_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "m.py"
    path.write_text('"""Doc."""\nprint "python 2"\n')
    assert list(docstrings("m", path)) == []


def test_only_recorded_files_in_order_and_nothing_imported(root: Path) -> None:
    found = installed(f"networkx=={importlib.metadata.version('networkx')}")
    names = [name for name, _ in found]
    assert names == sorted(names) and "networkx" in names and not any(".tests" in name for name in names)
    script = (
        "import sys; from textmill.corpus.sources.python_code import *\n"
        "n = sum(1 for m, p in installed('networkx') for d in docstrings(m, p))\n"
        "assert n > 1000 and 'networkx' not in sys.modules, n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": str(root / "src")})


def test_wrong_versions_and_names_are_told() -> None:
    with pytest.raises(UserError, match=r"numpy==0\.1: found version .* installed"):
        installed("numpy==0.1")
    with pytest.raises(UserError, match="no-such-package: not installed"):
        installed("no-such-package")
    with pytest.raises(UserError, match="nojson: not a top-level module"):
        standard_library(["nojson"])


def test_as_a_source(tmp_path: Path) -> None:
    source = {"kind": "docstrings", "standard_library": True, "modules": ["json"], "min_chars": 40}
    found = ingested(tmp_path / "own", source)
    assert found.id.is_unique and found.text.str.startswith("json").all()
    dumps = found[found.meta.str.contains('"json.dumps"')].text.item()
    assert dumps.startswith("json.dumps(obj, *, skipkeys=False") and inspect.getdoc(json.dumps) in dumps
    assert found.attrs["manifest"]["versions"] == {"python": sys.version.split()[0]}
    with pytest.raises(UserError, match="found neither"):
        ingested(tmp_path / "own", {"kind": "docstrings"})
