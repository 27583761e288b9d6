"""A directory in which the stages up to select have run on the tests' documents."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.corpus.curation_data import real_data

PARAMS = """
seed: 7
run: {engine: local, workers: 1}
ingest: {local: sources, sources: {}}
tasks: {summarization: {}}
clean: {}
dedup: {}
contamination: {}
select:
  exclude_file: exclusions.jsonl
  max_contamination: 0.5
  gopher: {min_words: 12}
  c4: {min_sentences: 1, max_curly_brackets: null}
  by_language: {zh: {gopher: {min_mean_word_length: null}}}
"""

ROOT = Path(__file__).resolve().parents[2]


def prepared(folder: Path) -> Path:
    """What every stage up to select leaves behind; the raw documents are those of clean."""
    real_data(folder / "data")
    shutil.copytree(folder / "data" / "clean", folder / "data" / "raw", dirs_exist_ok=True)
    (folder / "params.yaml").write_text(PARAMS, "utf-8")
    (folder / "exclusions.jsonl").write_text("")
    select(folder)
    return folder


def select(folder: Path) -> str:
    """Run the stage; returns what it says."""
    return run(folder, "-m", "pipelines.select")


def textmill(folder: Path, *arguments: str, status: int = 0, **more: str) -> str:
    """Run `textmill …`; returns standard output, or standard error where another status is expected."""
    return run(folder, "-m", "textmill.cli", *arguments, status=status, **more)


def run(folder: Path, *arguments: str, status: int = 0, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "COLUMNS": "100", **more},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr if status else done.stdout or done.stderr
