"""Engines: the same bytes from one process, several, a Ray cluster, and a cluster that loses a node."""

import os
import random
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from tests.corpus.curation_texts import NOVEL, docstrings, edited, write_documents
from textmill.config.annotate import Annotate
from textmill.config.clean import Clean
from textmill.config.contamination import Contamination
from textmill.config.dedup import Dedup
from textmill.config.run import Run
from textmill.corpus.cleaning.pipeline import cleaner
from textmill.corpus.contamination import TEXT, find_overlaps, index_rows
from textmill.corpus.dedup import find_duplicates
from textmill.corpus.engines import Engine, Local, engine_of
from textmill.corpus.engines.ray import Ray
from textmill.corpus.mapping import map_shards
from textmill.corpus.operators import Operator
from textmill.corpus.shards import read_table, shard_paths, write_table
from textmill.corpus.signals import annotator
from textmill.errors import UserError

READS = pa.schema([("text", pa.large_string())])


def same(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def corpus(folder: Path) -> Path:
    """Some 20 shards of English and Chinese documents, near-duplicates among them."""
    chosen = random.Random(4)
    english = list(docstrings(300))
    texts = [
        *english,
        *NOVEL,
        *(edited(text, 0.01, chosen) for text in english[::5]),
        "",
        "Ring 555-010-9999.",
    ]
    write_documents(folder, texts, per_shard=18)
    return folder


def curate(source: Path, target: Path, engine: Engine, advance=lambda rows: None) -> dict[str, bytes]:
    """What the stages that use an engine make of a corpus."""
    finished = target / ".textmill"
    map_shards(cleaner(Clean()), source, target / "clean", engine=engine, finished=finished, advance=advance)
    map_shards(annotator(Annotate()), target / "clean", target / "signals", keep=["id"], engine=engine)
    texts = read_table(shard_paths(target / "clean")[0])["text"].to_pylist()[:10]
    unseen = {"set": ["planted"] * 10, "id": [f"{number:032x}" for number in range(10)], "text": texts}
    rows = index_rows(
        pa.table(
            [pa.array(unseen.get(field.name, ["text"] * 10), field.type) for field in TEXT], schema=TEXT
        ),
        Contamination(),
    )
    found = find_overlaps(target / "clean", rows, engine=engine, finished=finished)
    assert found.documents.num_rows >= 9
    duplicates = find_duplicates(
        target / "clean", Dedup(), 1, target, advance, index=target / ".textmill", engine=engine
    )
    assert duplicates.num_rows > 40
    write_table(target / "duplicates" / "duplicates.parquet", duplicates)
    shutil.rmtree(finished)
    write_table(target / "overlaps" / "documents.parquet", found.documents)
    write_table(target / "overlaps" / "texts.parquet", found.texts(rows))
    return contents(target)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("engines") / "in")


@pytest.fixture(scope="module")
def alone(source, tmp_path_factory):
    """What one process writes."""
    return curate(source, tmp_path_factory.mktemp("alone"), Local(1))


def test_several_processes_write_what_one_writes(source, alone, tmp_path):
    assert curate(source, tmp_path, Local(2)) == alone
    assert len(alone) > 40


def test_params_name_the_engine():
    assert engine_of(Run(workers=3)) == Local(3)
    run = Run(engine="ray", workers=3, ray_address="auto", ray_task_cpus=2, ray_task_memory=5, ray_retries=7)
    assert engine_of(run) == Ray("auto", workers=3, cpus=2, memory=5, retries=7)


def test_an_operator_is_refused_before_the_run_where_it_cannot_run(source, tmp_path):
    operator = Operator("here", READS, READS, same, engines=("local",))
    with pytest.raises(UserError, match=r"run.engine: here cannot run on ray; expected one of local"):
        map_shards(operator, source, tmp_path / "out", engine=Ray())
    with pytest.raises(UserError, match=r"here cannot be sent to another process .*run.workers to 1"):
        map_shards(Operator("here", READS, READS, lambda batch: batch), source, tmp_path / "out", workers=2)
    assert list(tmp_path.iterdir()) == []


def test_ray_that_is_not_installed_is_named_with_its_extra(source, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"run.engine: ray is not installed.*textmill\[ray\]"):
        map_shards(cleaner(Clean()), source, tmp_path / "out", engine=Ray())
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def ray_alone():
    """The embedded Ray cluster, which is started by the first that needs it."""
    ray = pytest.importorskip("ray")
    ray.shutdown()
    yield Ray(workers=2)
    ray.shutdown()


def poisoned(batch: pa.RecordBatch) -> pa.RecordBatch:
    raise UserError("row 7: found poison, expected text.")


def test_an_embedded_ray_writes_the_same_bytes_listens_on_loopback_and_tells_errors(
    source, alone, tmp_path, ray_alone
):
    assert curate(source, tmp_path / "ray", ray_alone) == alone
    mine = psutil.Process()
    listening = [
        connection.laddr.ip
        for process in [mine, *mine.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening and {address.removeprefix("::ffff:") for address in listening} <= {"127.0.0.1", "::1"}
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    with pytest.raises(UserError, match=r"^row 7: found poison, expected text\.$"):
        map_shards(Operator("poison", READS, READS, poisoned), source, tmp_path / "out", engine=ray_alone)
    assert not (tmp_path / "out").exists()


def test_a_cluster_that_is_not_there_is_named(source, tmp_path):
    pytest.importorskip("ray").shutdown()
    with pytest.raises(UserError, match=r"run.ray_address: 127.0.0.1:1: expected a running Ray cluster"):
        map_shards(cleaner(Clean()), source, tmp_path / "out", engine=Ray("127.0.0.1:1"))


@pytest.mark.slow
def test_a_cluster_of_three_nodes_writes_the_same_bytes(source, alone, tmp_path, cluster):
    assert curate(source, tmp_path, Ray(cluster.address)) == alone


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_writes_the_same_bytes(source, alone, tmp_path, cluster):
    done = []

    def lose(rows: int) -> None:
        done.append(rows)
        if len(done) == 5:
            cluster.remove_node(cluster.others[0], allow_graceful=False)

    assert curate(source, tmp_path, Ray(cluster.address), lose) == alone
    assert sum(each["Alive"] for each in sys.modules["ray"].nodes()) == 2


def slow(log: Path, victim: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    import ray

    node = ray.get_runtime_context().get_node_id()
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{batch.column('text')[0].as_py()!r} {node}\n")
    time.sleep(10 if node == victim else 0.2)
    return batch


@pytest.mark.slow
def test_the_shard_of_a_killed_node_is_done_again_by_another(source, tmp_path, cluster):
    ray = sys.modules["ray"]
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    log, victim = tmp_path / "log", cluster.others[1]
    operator = Operator("slow", READS, READS, partial(slow, log, victim.node_id))
    lost = []

    def lose(rows: int) -> None:
        deadline = time.monotonic() + 60
        while not lost and time.monotonic() < deadline:
            if victim.node_id in log.read_text(encoding="utf-8"):
                # It has begun a shard, which takes it ten seconds.
                lost.append(victim)
                cluster.remove_node(victim, allow_graceful=False)
            time.sleep(0.01)

    map_shards(
        operator,
        source,
        tmp_path / "out",
        engine=Ray(cluster.address),
        finished=tmp_path / "kept",
        advance=lose,
    )
    begun = [line.rsplit(" ", 1) for line in log.read_text(encoding="utf-8").splitlines()]
    texts = [text for text, _ in begun]
    again = [(text, node) for text, node in begun if texts.count(text) == 2]
    assert len(set(texts)) == len(shard_paths(source)) and len(texts) == len(set(texts)) + 1
    assert len(again) == 2 and again[0][1] != again[1][1]
    assert [read_table(path) for path in shard_paths(tmp_path / "out")] == [
        read_table(path) for path in shard_paths(source)
    ]


@pytest.mark.slow
def test_a_cluster_whose_nodes_do_not_share_the_files_is_refused(source, tmp_path, cluster, monkeypatch):
    from textmill.corpus.engines import ray as engine

    monkeypatch.setattr(engine, "_versions", lambda: {"pyarrow": "1.0"})
    with pytest.raises(UserError, match=r"node .*: found pyarrow \d+.*, not 1.0; expected the versions of"):
        map_shards(cleaner(Clean()), source, tmp_path / "out", engine=Ray(cluster.address))
    assert engine._problem([tmp_path / "absent" / "probe"], {"pyarrow": "1.0"})[1].endswith(
        "expected a file system that all nodes share."
    )
