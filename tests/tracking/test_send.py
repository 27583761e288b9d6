"""Spools become MLflow runs once; a tracking server that is dead, slow or lost stops nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from textmill.errors import UserError
from textmill.files import read_json, write_json
from textmill.tracking import outbox
from textmill.tracking.hashes import directory_hash, listing, path_hash
from textmill.tracking.lockfile import StageEntry, read_lock
from textmill.tracking.send import send_pending
from textmill.tracking.spool import read_spool

STAGE = "pretrain@decoder"
DATASET = {"path": "data/tokens", "rows": 120}
EVENTS = [
    {
        "event": "start",
        "stage": STAGE,
        "params": {"steps": 4},
        "datasets": [{"path": "data/tokens", "rows": 120}],
    },
    {"event": "metrics", "step": 1, "values": {"loss": 3.0, "tokens_per_second": 900}},
    {"event": "metrics", "step": 2, "values": {"loss": 2.5}},
    {"event": "metrics", "step": 2, "values": {"loss": 2.4}},
    {"event": "metrics", "step": 4, "values": {"loss": float("nan")}},
    {"event": "end", "values": {"seconds": 2.0, "loss": 2.0}},
]


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory) -> Path:
    from textmill.tracking.store import connected

    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with connected(folder) as client:
            client.search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def root(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one committed training stage, its spool, and its evaluation."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    for path in ("data/tokens/part-00000.bin", "models/pretrained/decoder/model.safetensors"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(path.encode())
    curve = [{"step": 1, "loss": 3.0, "validation_loss": 3.5}]
    write_json(tmp_path / "reports/pretrain/decoder.json", {"curve": curve, "parameters": 7})
    figure = {"value": 2.1, "low": 2.0, "high": 2.2}
    models = {
        "decoder": {"metrics": {"bits_per_byte": figure}},
        "ngram": {"metrics": {"bits_per_byte": figure}},
    }
    compared = {"model": "decoder", "against": "ngram", "metric": "bits_per_byte", "verdict": "tied"}
    report = {"name": "decoder", "models": models, "comparisons": [compared]}
    write_json(tmp_path / "reports/language_models/decoder.json", report)
    lock(tmp_path)
    spool(tmp_path)
    return tmp_path


def lock(root: Path, steps: int = 4) -> None:
    def items(*paths: str) -> list[dict]:
        return [{"path": path, "hash": "md5", "md5": path_hash(root / path)} for path in paths]

    trained = {
        "cmd": "python -m pipelines.pretrain decoder",
        "deps": items("data/tokens"),
        "params": {
            "params.yaml": {"seed": 1, "pretrain.decoder": {"steps": steps, "optimizer": {"lr": 0.001}}}
        },
        "outs": items("models/pretrained/decoder", "reports/pretrain/decoder.json"),
    }
    judged = {
        "cmd": "python -m pipelines.evaluate_lm decoder",
        "deps": items("models/pretrained/decoder"),
        "outs": items("reports/language_models/decoder.json"),
    }
    with (root / "dvc.lock").open("w") as file:
        YAML().dump({"schema": "2.0", "stages": {STAGE: trained, "evaluate_lm@decoder": judged}}, file)


def spool(root: Path, events: list[dict] | None = None) -> Path:
    path = root / f".textmill/events/{STAGE}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(event) + "\n" for event in events or EVENTS))
    return path


def runs(root: Path) -> list:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    return client.search_runs([item.experiment_id for item in client.search_experiments()])


def test_a_committed_stage_becomes_a_run(root):
    import mlflow

    sent = send_pending(root)
    assert (sent.runs, sent.evaluations, sent.kept, sent.problem) == (
        [STAGE],
        ["evaluate_lm@decoder"],
        [],
        "",
    )
    (run,) = runs(root)
    assert run.info.run_name == STAGE and run.info.status == "FINISHED"
    assert run.info.end_time - run.info.start_time == 2000
    assert run.data.params == {"seed": "1", "steps": "4", "optimizer.lr": "0.001"}
    entry = read_lock(root).stages[STAGE]
    assert run.data.tags["textmill.stage_key"] == entry.key
    assert run.data.tags["textmill.out.models/pretrained/decoder"] == entry.outs["models/pretrained/decoder"]
    assert run.data.metrics["evaluation.bits_per_byte.low"] == 2.0
    assert run.data.metrics["baseline.ngram.bits_per_byte"] == 2.1
    assert run.data.tags["verdict.bits_per_byte.ngram"] == "tied"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("data/tokens", entry.deps["data/tokens"])
    assert json.loads(data.dataset.profile) == {"num_rows": 120}
    history = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db").get_metric_history(run.info.run_id, "loss")
    values = {point.step: point.value for point in history}
    assert values[1] == 3.0 and values[2] == 2.4
    assert not list((root / ".textmill/events").iterdir()) and not outbox.waiting(root)


def test_a_run_is_found_again_not_written_again(root):
    send_pending(root)
    assert send_pending(root).runs == []
    (root / ".textmill/tracking.json").unlink()
    spool(root)
    sent = send_pending(root)
    assert (sent.runs, sent.found, len(runs(root))) == ([], [STAGE], 1)


def test_nothing_to_send_does_not_import_mlflow(root):
    send_pending(root)
    script = (
        "import sys; from textmill.tracking.send import send_pending; send_pending()\n"
        "print('mlflow' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(Path(outbox.__file__).parents[2])}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_run_cut_short_is_replaced(root, monkeypatch):
    from textmill.tracking import runs as writing

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(writing, "_log_datasets", killed)
        with pytest.raises(KeyboardInterrupt):
            send_pending(root)
    assert len(outbox.waiting(root)) == 1
    assert send_pending(root).runs == [STAGE]
    assert [run.data.tags["textmill.complete"] for run in runs(root)] == ["true"]


def test_a_stage_restored_from_the_cache_gets_its_run_from_its_report(root):
    shutil.rmtree(root / ".textmill/events")
    assert send_pending(root).runs == [STAGE]
    (run,) = runs(root)
    assert run.data.tags["textmill.source"] == "report"
    assert (run.data.metrics["validation_loss"], run.data.metrics["parameters"]) == (3.5, 7.0)


@pytest.mark.parametrize("damage", ["unfinished", "not committed"])
def test_a_spool_that_does_not_belong_to_the_lock_stays(root, damage):
    path = spool(root, EVENTS[:-1]) if damage == "unfinished" else spool(root)
    if damage == "not committed":
        (root / "models/pretrained/decoder/model.safetensors").write_bytes(b"a later execution")
    assert outbox.collect(root, read_lock(root)) == []
    assert path.exists()


def test_two_executions_while_the_server_is_dead_are_both_sent_later(root, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    started = time.monotonic()
    sent = send_pending(root)
    assert time.monotonic() - started < 5
    assert sent.kept == [STAGE] and "does not answer" in sent.problem
    (root / "models/pretrained/decoder/model.safetensors").write_bytes(b"other weights")
    lock(root, steps=5)
    spool(root)
    assert len(send_pending(root).kept) == 1 and len(outbox.waiting(root)) == 2
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert send_pending(root).runs == [STAGE, STAGE]
    assert {run.data.params["steps"] for run in runs(root)} == {"4", "5"}
    assert not outbox.waiting(root)


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []
        closing = threading.Event()
        server.settimeout(0.1)

        def accept() -> None:
            while not closing.is_set():
                try:
                    kept.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        closing.set()
        thread.join()
        for connection in kept:
            connection.close()


def test_a_server_that_never_answers_is_given_up(root, silent_server, monkeypatch):
    from textmill.tracking import send

    monkeypatch.setattr(send, "SECONDS", 1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent_server}")
    started = time.monotonic()
    sent = send_pending(root)
    assert time.monotonic() - started < 10
    assert sent.kept == [STAGE] and sent.problem


def test_a_lost_store_is_filled_again(root, empty_store):
    send_pending(root)
    shutil.copy(empty_store, root / "mlflow.db")
    assert send_pending(root).runs == [STAGE]


def test_a_damaged_lock_is_the_users_to_mend(root):
    (root / "dvc.lock").write_text("stages: [")
    with pytest.raises(UserError, match=r"dvc.lock: expected a lock file"):
        send_pending(root)


@given(cut=st.integers(min_value=0, max_value=400))
@settings(max_examples=60, deadline=None)
def test_a_torn_spool_keeps_what_was_whole(cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("spool") / f"{STAGE}.jsonl"
    whole = "".join(json.dumps(event) + "\n" for event in EVENTS[:3])
    path.write_text(whole[:cut])
    read = read_spool(path)
    lines = whole[:cut].split("\n")
    events = [event for event, line in zip(EVENTS, lines, strict=False) if line == json.dumps(event)]
    assert read.points == {event["step"]: event["values"] for event in events if event["event"] == "metrics"}
    assert not read.complete


@given(st.dictionaries(st.text("abc中é_", min_size=1, max_size=6), st.binary(max_size=40), min_size=1))
@settings(max_examples=20, deadline=None)
def test_hashes_are_those_of_dvc(contents):
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sub").mkdir()
        for name, content in contents.items():
            (Path(folder) / "sub" / name).write_bytes(content)
        files = listing(folder)
    assert files == {f"sub/{name}": hashlib.md5(content).hexdigest() for name, content in contents.items()}
    tree = Tree()
    for name, md5 in files.items():
        tree.add(tuple(name.split("/")), None, HashInfo("md5", md5))
    tree.digest()
    assert directory_hash(files) == tree.hash_info.value


def test_the_stage_key_covers_command_deps_and_params_and_nothing_else():
    entry = StageEntry("s", "run", {"a": "1"}, {"params.yaml": {"x": 1}}, {"o": "2"})
    assert entry.key == StageEntry("other", "run", {"a": "1"}, {"params.yaml": {"x": 1}}, {"o": "3"}).key
    changed = [
        StageEntry("s", "run ", {"a": "1"}, {"params.yaml": {"x": 1}}, {}),
        StageEntry("s", "run", {"a": "2"}, {"params.yaml": {"x": 1}}, {}),
        StageEntry("s", "run", {"a": "1"}, {"params.yaml": {"x": 2}}, {}),
    ]
    assert len({entry.key, *(item.key for item in changed)}) == 4


def test_an_evaluation_of_an_older_model_is_left_out(root):
    value = YAML(typ="safe").load(root / "dvc.lock")
    value["stages"]["evaluate_lm@decoder"]["deps"][0]["md5"] = "0" * 32 + ".dir"
    YAML().dump(value, root / "dvc.lock")
    assert outbox.evaluations(read_lock(root)) == []


def test_nothing_but_the_record_remains_after_sending(root):
    send_pending(root)
    record = read_json(root / ".textmill/tracking.json")
    assert list(record) == [f"sqlite:///{root}/mlflow.db"]
