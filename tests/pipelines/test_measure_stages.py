"""The stages bias, validate and report, run as DVC runs them."""

import os
import shutil
import subprocess
import sys

import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from textmill.corpus.shards import DOCUMENT, write_table
from textmill.files import read_json, write_json


def documents(count):
    texts = ["She said the road was wet.", "他说路很湿。"]
    rows = {
        "id": [f"{number:032x}" for number in range(count)],
        "text": pa.array([f"{texts[number % 2]} {number}" for number in range(count)], pa.large_string()),
        "source": ["letters"] * count,
        "license": ["MIT"] * count,
        "lang": [("en", "zh")[number % 2] for number in range(count)],
        "meta": ["{}"] * count,
    }
    return pa.table(rows, schema=DOCUMENT)


@pytest.fixture
def workspace(tmp_path, root):
    """A folder with params.yaml and the data that the three stages read."""
    shutil.copy(root / "params.yaml", tmp_path / "params.yaml")
    table = documents(200)
    data = tmp_path / "data"
    write_table(data / "clean/part-00000.parquet", table)
    write_table(data / "corpus/train/part-00000.parquet", table.slice(0, 180))
    write_table(data / "corpus/validation/part-00000.parquet", table.slice(180, 10))
    dropped = table.slice(190).select(["id"])
    dropped = dropped.append_column("stage", pa.array(["annotate"] * 10))
    write_table(data / "ledger/ledger.parquet", dropped.append_column("rule", pa.array(["c4.min"] * 10)))
    write_table(data / "signals/part-00000.parquet", pa.table({"id": table["id"], "words": [7] * 200}))
    rows = {
        "id": ["1"],
        "input": pa.array(["好"], pa.large_string()),
        "target": pa.array(["good"], pa.large_string()),
        "source": ["phrases"],
        "input_lang": ["zh"],
    }
    for split in ("train", "validation", "test"):
        write_table(
            data / f"tasks/translation/{split}.parquet", pa.table(rows | {"id": [split], "input": [split]})
        )
    write_json(data / "tasks/translation/task.json", {"kind": "generation"})
    expect(tmp_path, "rows", 1)
    return tmp_path


def expect(workspace, column, most):
    yaml = YAML()
    params = yaml.load(workspace / "params.yaml")
    params["validate"] = {
        "expectations": [
            {
                "name": "tables are small",
                "frame": "tasks",
                "expectation": "expect_column_max_to_be_between",
                "arguments": {"column": column, "max_value": most},
            }
        ]
    }
    yaml.dump(params, workspace / "params.yaml")


def run_stage(workspace, root, stage):
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-m", f"pipelines.{stage}"],
        cwd=workspace,
        env=environment,
        capture_output=True,
        text=True,
    )


def test_the_three_stages_write_the_same_bytes_twice(workspace, root):
    outs = [
        "reports/bias.json",
        "reports/validation.json",
        "reports/index.html",
        "reports/cards/textmill-decoder.md",
    ]
    found = []
    for _ in range(2):
        for stage in ("bias", "validate", "report"):
            done = run_stage(workspace, root, stage)
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr
        found.append([(workspace / out).read_bytes() for out in outs])
    assert found[0] == found[1]
    assert "All 1 expectations hold" in (workspace / "reports/index.html").read_text()
    assert str(workspace).encode() not in b"".join(found[0])


def test_a_failed_expectation_fails_the_stage_and_leaves_its_report(workspace, root):
    expect(workspace, "rows", 0)
    done = run_stage(workspace, root, "validate")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "tables are small (tasks, expect_column_max_to_be_between): expected column rows" in done.stderr
    assert "observed 1" in done.stderr and ".textmill/validation.json" in done.stderr
    assert read_json(workspace / ".textmill/validation.json")["passed"] is False
    assert (workspace / ".textmill/data_docs/index.html").is_file()


def test_a_wrong_column_in_params_is_one_paragraph(workspace, root):
    expect(workspace, "rowz", 0)
    done = run_stage(workspace, root, "validate")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "no 'rowz'" in done.stderr
