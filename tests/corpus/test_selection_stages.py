"""The stages dedup, contamination and select as commands, in a directory of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.curation_data import real_data

PARAMS = """
seed: 7
run: {engine: local, workers: 1}
tasks: {summarization: {}}
clean: {}
dedup: {}
contamination: {}
select:
  max_contamination: 0.5
  by_language: {zh: {gopher: {min_mean_word_length: null}}}
"""


def stage(name: str, folder: Path, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"pipelines.{name}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), "TEXTMILL_PARAMS": "params.yaml"},
        capture_output=True,
        text=True,
    )


def outs(folder: Path) -> dict[str, bytes]:
    """The bytes of what the three stages write."""
    names = ("data/duplicates", "data/contamination", "data/corpus", "data/ledger", "reports")
    files = [path for name in names for path in sorted((folder / name).rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    real_data(folder / "data")
    for name in ("duplicates", "contamination"):
        shutil.rmtree(folder / "data" / name)
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def test_the_stages_write_the_same_bytes_anywhere(workplace: Path, tmp_path: Path, root: Path):
    other = tmp_path / "elsewhere" / "two"
    shutil.copytree(workplace, other)
    for folder in (workplace, other):
        for name in ("dedup", "contamination", "select"):
            done = stage(name, folder, root)
            assert done.returncode == 0, done.stderr
    assert "kept " in done.stderr
    written = outs(workplace)
    assert written == outs(other)
    assert {
        "data/ledger/ledger.parquet",
        "reports/corpus.json",
        "data/corpus/train/part-00000.parquet",
    } <= set(written)


def test_a_mistake_is_one_paragraph_without_a_traceback(workplace: Path, root: Path):
    (workplace / "data" / "clean" / "part-00001.parquet").write_bytes(b"damaged")
    for name in ("dedup", "contamination"):
        done = stage(name, workplace, root)
        assert done.returncode == 2
        assert "part-00001.parquet" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (workplace / "data" / "duplicates" / "duplicates.parquet").exists()
