"""Which versions saw a document: asked of a real registry, in the working directory and in DVC's cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tests.registry.conftest import Project, committed_run
from textmill.cli import app
from textmill.corpus.selection.exclusions import read_exclusions
from textmill.corpus.shards import write_table
from textmill.files import write_json
from textmill.registry.seen import ingredients, registered, seen_by
from textmill.tracking.hashes import listing, path_hash

HELD = {"train": ["a" * 32, "b" * 32], "validation": ["c" * 32]}


def write_corpus(root: Path, held: dict[str, list[str]]) -> None:
    shutil.rmtree(root / "data/corpus", ignore_errors=True)
    for split, ids in held.items():
        write_table(root / f"data/corpus/{split}/part-00000.parquet", pa.table({"id": ids}))


def into_cache(root: Path, path: str) -> str:
    """Put a directory into DVC's cache, as DVC lays it out; returns its hash."""
    files = listing(root / path)
    md5 = path_hash(root / path)
    cache = root / ".dvc/cache/files/md5"
    for name, each in files.items():
        (cache / each[:2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path / name, cache / each[:2] / each[2:])
    (cache / md5[:2]).mkdir(parents=True, exist_ok=True)
    write_json(cache / md5[:2] / md5[2:], [{"relpath": name, "md5": each} for name, each in files.items()])
    return md5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, models: Path, empty_store: Path) -> Project:
    """A decoder that is pretrained on a corpus and a classifier that is not; both are registered."""
    from textmill.registry.promotion import register

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = committed_run(tmp_path_factory.mktemp("seen"), models, empty_store)
        before = made.stages

        def stages() -> dict:
            found = before()
            found["select"] = ("python -m pipelines.select", ["data/clean"], ["data/corpus"])
            found["validate"] = ("python -m pipelines.validate", ["data/corpus"], ["reports/validation.json"])
            cmd, _, outs = found["pretrain@decoder"]
            found["pretrain@decoder"] = (cmd, ["data/corpus", "reports/validation.json"], outs)
            cmd, deps, outs = found["finetune@sentiment"]
            # A gate is no ingredient.
            found["finetune@sentiment"] = (cmd, [*deps, "reports/validation.json"], outs)
            return found

        made.stages = stages  # type: ignore[method-assign]
        write_corpus(made.root, HELD)
        made.lock()
        register(made.root)
        yield made


@pytest.fixture(autouse=True)
def local_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def told(project: Project, *ids: str) -> list[tuple[str, str, str]]:
    return [(one.id, one.model, one.how) for one in seen_by(project.root, ids)]


def test_what_a_model_is_made_of_leaves_out_its_gates(made: Project):
    found = {one.model: sorted(ingredients(one.manifest)) for one in registered(made.root) if one.manifest}
    assert found == {"writer": ["data/corpus"], "film-sentiment": ["data/tasks/sentiment"]}


def test_versions_and_their_aliases_are_read_without_mlflow(made: Project, monkeypatch: pytest.MonkeyPatch):
    import textmill.registry.seen as module

    def never(root: Path) -> None:
        raise AssertionError("MLflow was asked")

    through = sorted((one.model, one.version, one.aliases) for one in module._through_mlflow(made.root))
    monkeypatch.setattr(module, "_through_mlflow", never)
    assert sorted((one.model, one.version, one.aliases) for one in registered(made.root)) == through
    assert all(one.manifest for one in registered(made.root))
    assert "champion" in through[0][2]


def test_a_document_of_the_corpus_was_trained_on_or_held_out(made: Project):
    assert told(made, "a" * 32, "c" * 32) == [
        ("a" * 32, "writer", "train"),
        ("c" * 32, "writer", "validation"),
    ]
    assert told(made, "d" * 32) == []
    assert told(made) == []


def test_a_task_row_was_trained_and_measured_on(made: Project):
    assert told(made, f"{1:032x}") == [
        (f"{1:032x}", "film-sentiment", how) for how in ("test", "train", "validation")
    ]


def test_after_a_new_run_the_old_corpus_is_read_from_the_cache(made: Project):
    """The registered version keeps its answer; without the cache, that it cannot be told is said."""
    into_cache(made.root, "data/corpus")
    try:
        write_corpus(made.root, {"train": ["e" * 32], "validation": ["f" * 32]})
        made.lock()
        assert told(made, "b" * 32) == [("b" * 32, "writer", "train")]
        assert told(made, "e" * 32) == []
        shutil.rmtree(made.root / ".dvc/cache")
        assert told(made, "b" * 32) == [("b" * 32, "writer", "unknown")]
    finally:
        write_corpus(made.root, HELD)
        made.lock()


def test_without_a_registry_nothing_was_seen(tmp_path: Path):
    assert seen_by(tmp_path, ["a" * 32]) == []


def test_forget_lists_the_versions_that_saw_what_is_forgotten(made: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(made.root)
    with (made.root / "params.yaml").open("a", encoding="utf-8") as params:
        params.write("select: {exclude_file: exclusions.jsonl}\n")
    run = CliRunner().invoke(app, ["forget", "--json", "a" * 32, f"{1:032x}"], catch_exceptions=False)
    found = {(one["id"], one["model"], one["how"]) for one in json.loads(run.stdout)["seen"]}
    assert found == {("a" * 32, "writer", "train")} | {
        (f"{1:032x}", "film-sentiment", how) for how in ("train", "validation", "test")
    }
    assert read_exclusions(made.root / "exclusions.jsonl")[0].id == "a" * 32
