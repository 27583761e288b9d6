"""The import closure of a stage: what Python would load, also late, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from textmill.dag.closure import closure, gaps, write
from textmill.errors import UserError

FILES = {
    "pipelines/__init__.py": "",
    "pipelines/clean.py": (
        "import json\n"
        "from typing import TYPE_CHECKING\n"
        "from textmill.corpus import text\n"
        "if TYPE_CHECKING:\n"
        "    from textmill.heavy import only_a_type\n"
        "def main():\n"
        "    from textmill.late import use\n"
    ),
    "pipelines/packed.py": "import textmill.words\n",
    "pipelines/many.py": "from importlib import import_module\nimport_module(f'textmill.tasks.{1}')\n",
    "pipelines/any.py": "from importlib import import_module\nimport_module(open('x').read())\n",
    "src/textmill/__init__.py": "",
    "src/textmill/corpus/__init__.py": "",
    "src/textmill/corpus/text.py": "from . import unicode\nfrom ..files import whole\n",
    "src/textmill/corpus/unicode.py": "import unicodedata\nimport torch.nn\n",
    "src/textmill/corpus/unused.py": "",
    "src/textmill/files.py": "",
    "src/textmill/heavy.py": "",
    "src/textmill/late.py": "import textmill.corpus.text\n",
    "src/textmill/words/__init__.py": "PACKAGED_FILES = ('zh.txt',)\n",
    "src/textmill/words/zh.txt": "停用词\n",
    "src/textmill/tasks/__init__.py": "",
    "src/textmill/tasks/one.py": "import textmill.files\n",
    "src/textmill/tasks/two.py": "",
}

DVC_YAML = """\
# The DAG.
stages:
  clean:
    cmd: python -m pipelines.clean
    deps: [data/raw]   # documents
    params: [clean]
    outs: [data/clean]
    meta: {slots: 2}
  # One per item.
  packed:
    foreach: ${packed}
    do:
      cmd: python -m pipelines.packed ${key}
      params: ['packed.${key}']
      outs: ['data/${key}']
  note:
    cmd: echo note > note
    deps: [data/clean]
    outs: [note]
"""


@pytest.fixture
def tree(tmp_path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    return tmp_path


def test_late_and_relative_imports_and_packages_count(tree: Path) -> None:
    assert closure("pipelines.clean", tree) == [
        "pipelines/__init__.py",
        "pipelines/clean.py",
        "src/textmill/__init__.py",
        "src/textmill/corpus/__init__.py",
        "src/textmill/corpus/text.py",
        "src/textmill/corpus/unicode.py",
        "src/textmill/files.py",
        "src/textmill/late.py",
    ]


def test_packaged_files_count(tree: Path) -> None:
    assert "src/textmill/words/zh.txt" in closure("pipelines.packed", tree)
    (tree / "src/textmill/words/zh.txt").unlink()
    with pytest.raises(UserError, match=r"PACKAGED_FILES: zh.txt: no such file"):
        closure("pipelines.packed", tree)


def test_a_computed_name_counts_as_its_whole_package(tree: Path) -> None:
    found = closure("pipelines.many", tree)
    assert {"src/textmill/tasks/one.py", "src/textmill/tasks/two.py", "src/textmill/files.py"} <= set(found)


def test_a_name_that_cannot_be_told_is_refused(tree: Path) -> None:
    with pytest.raises(UserError, match=r"any.py: line 2: import_module of a name that is computed"):
        closure("pipelines.any", tree)


def test_a_missing_stage_and_broken_code_are_named(tree: Path) -> None:
    with pytest.raises(UserError, match=r"pipelines/absent.py: not found"):
        closure("pipelines.absent", tree)
    (tree / "src/textmill/files.py").write_text("def (")
    with pytest.raises(UserError, match=r"files.py: line 1: not valid Python"):
        closure("pipelines.clean", tree)


def test_deps_are_written_and_everything_else_is_kept(tree: Path) -> None:
    assert set(gaps(tree)) == {"clean", "packed"}
    assert write(tree) == ["clean", "packed"]
    assert gaps(tree) == {}
    text = (tree / "dvc.yaml").read_text()
    code = [line for line in text.splitlines() if line.strip().startswith("- ")]
    assert code[0].strip() == "- data/raw"
    for kept in (
        "# The DAG.",
        "# One per item.",
        "meta: {slots: 2}",
        "params: ['packed.${key}']",
        "deps: [data/clean]",
    ):
        assert kept in text
    assert write(tree) == []
    assert (tree / "dvc.yaml").read_text() == text


def test_code_that_is_no_longer_imported_is_taken_out(tree: Path) -> None:
    write(tree)
    (tree / "pipelines/clean.py").write_text("")
    assert gaps(tree)["clean"][1][-1] == "src/textmill/late.py"
    write(tree)
    assert "textmill/late.py" not in (tree / "dvc.yaml").read_text()


def test_a_new_import_is_a_gap(tree: Path) -> None:
    write(tree)
    (tree / "src/textmill/files.py").write_text("import textmill.heavy\n")
    assert gaps(tree) == {"clean": (["src/textmill/heavy.py"], [])}
