"""Mapping an operator over shards: the same bytes whoever does the work, and nothing half-done."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from textmill.corpus import mapping
from textmill.corpus.mapping import count_rows, map_shards
from textmill.corpus.operators import Operator
from textmill.corpus.shards import ShardWriter, read_table, shard_paths, write_table
from textmill.errors import UserError

READS = pa.schema([("text", pa.large_string())])
ADDS = pa.schema([("length", pa.int64())])
SCHEMA = pa.schema([("id", pa.string()), ("text", pa.large_string())])


def measure(factor: int, batch: pa.RecordBatch) -> pa.RecordBatch:
    lengths = pc.multiply(pc.cast(pc.utf8_length(batch.column("text")), pa.int64()), factor)
    return pa.RecordBatch.from_arrays([lengths], schema=ADDS)


def shout(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pc.utf8_upper(batch.column("text"))], schema=READS)


def fail_on_poison(batch: pa.RecordBatch) -> pa.RecordBatch:
    if "poison" in batch.column("text").to_pylist():
        raise UserError("row 7: found poison, expected text.")
    return measure(1, batch)


def kill_yourself(batch: pa.RecordBatch) -> pa.RecordBatch:
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(1, batch)


LENGTHS = Operator("lengths", READS, ADDS, partial(measure, 2))


@pytest.fixture
def shards(tmp_path):
    with ShardWriter(tmp_path / "in", SCHEMA, bytes_per_shard=1) as writer:
        for shard in range(5):
            texts = [f"{shard} 行 {row}" + "x" * (row % 50) for row in range(9000 if shard == 2 else 300)]
            ids = [f"{shard}-{row}" for row in range(len(texts))]
            writer.write(
                pa.RecordBatch.from_arrays([pa.array(ids), pa.array(texts, pa.large_string())], schema=SCHEMA)
            )
    return tmp_path / "in"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rows_order_and_columns(shards, tmp_path):
    done = []
    assert map_shards(LENGTHS, shards, tmp_path / "out", keep=["id"], advance=done.append) == 10_200
    assert sorted(done) == [300, 300, 300, 300, 9000] and count_rows(tmp_path / "out") == 10_200
    for before, after in zip(shard_paths(shards), shard_paths(tmp_path / "out"), strict=True):
        source, result = read_table(before), read_table(after)
        assert before.name == after.name and result.schema.names == ["id", "length"]
        assert result["id"].to_pylist() == source["id"].to_pylist()
        assert result["length"].to_pylist() == [2 * len(text) for text in source["text"].to_pylist()]


def test_a_column_is_replaced_in_place(shards, tmp_path):
    map_shards(Operator("shout", READS, READS, shout), shards, tmp_path / "out")
    table = read_table(shard_paths(tmp_path / "out")[0])
    assert table.schema == SCHEMA
    assert table["text"][1].as_py() == "0 行 1X"


def test_bytes_do_not_depend_on_workers_or_batches(shards, tmp_path, monkeypatch):
    map_shards(LENGTHS, shards, tmp_path / "one", workers=1)
    map_shards(LENGTHS, shards, tmp_path / "three", workers=3)
    monkeypatch.setattr(mapping, "BYTES_PER_BATCH", 2000)
    monkeypatch.setattr(mapping, "ROWS_PER_BATCH", 7)
    map_shards(LENGTHS, shards, tmp_path / "small", workers=1)
    assert contents(tmp_path / "one") == contents(tmp_path / "three") == contents(tmp_path / "small")


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(mapping, "BYTES_PER_BATCH", 1000)
    table = pa.table({"text": ["x" * 5000, *["y" * 100] * 50]})
    batches = list(mapping.bounded_batches(table))
    assert pa.Table.from_batches(batches) == table
    assert all(batch.num_rows == 1 or batch.nbytes <= 1000 for batch in batches)


def test_leftovers_of_an_earlier_run_go(shards, tmp_path):
    out = tmp_path / "out"
    for name in ("out/part-00099.parquet", ".out.123.tmp/part-00000.parquet"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"left over")
    map_shards(LENGTHS, shards, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert sorted(path.name for path in out.iterdir()) == [path.name for path in shard_paths(shards)]


def test_the_schema_is_checked_before_any_work(shards, tmp_path):
    wrong = Operator("tags", pa.schema([("tags", pa.string())]), ADDS, partial(measure, 1))
    with pytest.raises(UserError, match=r"part-00000.parquet: tags needs a column tags \(string\).*id, text"):
        map_shards(wrong, shards, tmp_path / "out")
    write_table(shards / "part-00003.parquet", pa.table({"id": ["a"], "text": ["short string"]}))
    with pytest.raises(
        UserError, match=r"part-00003.parquet: column text: lengths needs large_string, found string"
    ):
        map_shards(LENGTHS, shards, tmp_path / "out")
    with pytest.raises(UserError, match="expected a column lang"):
        mapping.check_shard(LENGTHS, shards / "part-00000.parquet", ["lang"])
    assert not (tmp_path / "out").exists()


def test_a_damaged_shard_is_named(shards, tmp_path):
    (shards / "part-00002.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match=r"part-00002.parquet: expected a readable Parquet file"):
        map_shards(LENGTHS, shards, tmp_path / "out")


def test_an_empty_directory_is_an_error(tmp_path):
    with pytest.raises(UserError, match="expected shards"):
        map_shards(LENGTHS, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_reaches_the_user(shards, tmp_path, workers):
    write_table(
        shards / "part-00001.parquet",
        pa.table({"id": ["7"], "text": ["poison"]}, schema=SCHEMA),
    )
    with pytest.raises(UserError, match="row 7: found poison"):
        map_shards(Operator("poison", READS, ADDS, fail_on_poison), shards, tmp_path / "out", workers=workers)
    assert not (tmp_path / "out").exists()


def test_a_killed_worker_is_explained(shards, tmp_path):
    with pytest.raises(UserError, match=r"worker process was killed.*run\.workers"):
        map_shards(Operator("victim", READS, ADDS, kill_yourself), shards, tmp_path / "out", workers=2)
    assert not (tmp_path / "out").exists()


def test_an_operator_that_breaks_its_declaration_is_caught():
    batch = pa.RecordBatch.from_pydict({"text": ["a", "b"]}, schema=READS)
    with pytest.raises(ValueError, match="declares"):
        Operator("liar", READS, pa.schema([("length", pa.int32())]), partial(measure, 1))(batch)
    with pytest.raises(ValueError, match="2 rows in, 1 rows out"):
        Operator("loser", READS, READS, lambda batch: batch.slice(1))(batch)


SLOW = """
    import os, sys, time
    import pyarrow as pa
    from textmill.corpus.mapping import map_shards
    from textmill.corpus.operators import Operator

    READS = pa.schema([("text", pa.large_string())])

    def slow(batch):
        time.sleep(0.6)
        return batch

    if __name__ == "__main__":
        map_shards(Operator("slow", READS, READS, slow), sys.argv[1], sys.argv[2], workers=3)
"""


def test_killing_the_stage_takes_its_workers_along_and_leaves_the_target_alone(shards, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(textwrap.dedent(SLOW), encoding="utf-8")
    source = Path(mapping.__file__).parents[2]
    command = [sys.executable, str(script), str(shards), str(tmp_path / "out")]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(source)}) as process:
        deadline = time.monotonic() + 30
        while not list(tmp_path.glob(".out.*.tmp/part-*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(children) >= 2
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not (tmp_path / "out").exists()
    map_shards(LENGTHS, shards, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "slow.py"]
