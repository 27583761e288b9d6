"""The files of a task: their contract, their repeatability, and the stage that writes them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from textmill.config.clean import Clean
from textmill.config.tasks import KINDS
from textmill.corpus.cleaning import clean_text
from textmill.errors import UserError
from textmill.tasks.tables.build import ROW, build

SENTIMENT = {
    "kind": "files", "task": "classification", "files": ["tasks/opinions.jsonl"], "input": "text",
    "target": "label", "license": "Apache-2.0", "validation": 10, "test": 20,
}  # fmt: skip


def built(root: Path, target: Path, seed: int = 1, **changes: Any) -> dict[str, Any]:
    task = KINDS["files"].model_validate({**SENTIMENT, **changes})
    return build("sentiment", task, seed, root / "tests/data", partial(clean_text, options=Clean()), target)


def test_files_keep_the_contract(root: Path, tmp_path: Path) -> None:
    about = built(root, tmp_path / "t")
    assert json.loads((tmp_path / "t" / "task.json").read_text()) == about
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "task.json", "test.parquet", "train.parquet", "validation.parquet",
    ]  # fmt: skip
    ids: list[str] = []
    for part, count in about["rows"].items():
        table = pq.read_table(tmp_path / "t" / f"{part}.parquet")
        assert table.schema.equals(ROW) and table.num_rows == count
        assert set(table["target"].to_pylist()) == {"negative", "positive"}
        ids += table["id"].to_pylist()
    assert len(set(ids)) == len(ids) == 72 and all(len(value) == 32 for value in ids)
    assert about["labels"] == ["negative", "positive"] and about["kind"] == "classification"
    rows = pq.read_table(tmp_path / "t" / "test.parquet", columns=["id", "input", "target"]).to_pylist()
    lines = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    assert about["test_sha256"] == hashlib.sha256(lines.encode()).hexdigest()


def test_equal_input_gives_equal_bytes(root: Path, tmp_path: Path) -> None:
    def content(folder: Path) -> list[bytes]:
        return [path.read_bytes() for path in sorted(folder.iterdir())]

    for name in ("a", "b"):
        built(root, tmp_path / name)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    built(root, tmp_path / "b", seed=2)
    assert content(tmp_path / "a") != content(tmp_path / "b")


def test_a_failure_leaves_the_files_of_before(root: Path, tmp_path: Path) -> None:
    before = built(root, tmp_path / "t")
    with pytest.raises(UserError, match=r"^tasks\.sentiment: .*no field 'opinion'"):
        built(root, tmp_path / "t", input="opinion")
    assert json.loads((tmp_path / "t" / "task.json").read_text()) == before
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def stage(root: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}:{root}"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_stages_run_and_fail_in_one_paragraph(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "tests/data", tmp_path / "own")
    params = {
        "seed": 1, "run": {}, "clean": {}, "tasks": {"opinions": SENTIMENT, "odd": {"kind": "poetry"}},
        "ingest": {
            "local": "own",
            "sources": {"zh": {"kind": "files", "paths": ["corpus/*.txt"], "license": "Apache-2.0"}},
        },
    }  # fmt: skip
    (tmp_path / "params.yaml").write_text(json.dumps(params))
    done = stage(root, tmp_path, "pipelines.ingest")
    assert done.returncode == 0 and "1 documents" in done.stderr, done.stderr
    done = stage(root, tmp_path, "pipelines.tasks", "opinions")
    assert done.returncode == 0 and "validation 10, test 20 rows" in done.stderr, done.stderr
    for arguments, expected in (
        (("pipelines.tasks", "opinion"), "tasks.opinion: missing. Known tasks: opinions, odd"),
        (("pipelines.tasks", "odd"), "tasks.odd.kind: expected one of sentiment, translation"),
    ):
        done = stage(root, tmp_path, *arguments)
        assert done.returncode == 2 and expected in done.stderr and "Traceback" not in done.stderr
    (tmp_path / "own/corpus/chinese.txt").write_bytes("磨".encode()[:2])
    done = stage(root, tmp_path, "pipelines.ingest")
    assert done.returncode == 2 and "ingest.sources.zh: own/corpus/chinese.txt: line 1" in done.stderr
    assert (
        "Traceback" not in done.stderr
        and pq.read_table(tmp_path / "data/raw/part-00000.parquet").num_rows == 1
    )
