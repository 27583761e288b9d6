"""A single flipped byte, anywhere from the registered model back to the raw data, is found and named."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from ruamel.yaml import YAML

from textmill.errors import UserError
from textmill.registry.verify import verify
from textmill.tracking.hashes import directory_hash, listing

CHAMPION = "models:/film-sentiment@champion"


@contextlib.contextmanager
def flipped(path: Path) -> Iterator[None]:
    """Change one bit in the middle of a file, as a failing disk does: size and name stay."""
    before = path.read_bytes()
    content = bytearray(before)
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def wrong(root: Path, uri: str = CHAMPION) -> list[str]:
    found = verify(root, uri)
    assert found.ok == (not [check for check in found.checks if check.state in ("differs", "missing")])
    return [
        f"{check.what}: {check.detail}" for check in found.checks if check.state in ("differs", "missing")
    ]


def registry_file(root: Path, name: str) -> Path:
    import mlflow

    version = mlflow.MlflowClient().get_model_version_by_alias("film-sentiment", "champion")
    folder = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/film-sentiment/{version.version}")
    return next(Path(unquote(urlsplit(folder).path)).rglob(name))


def test_untouched_model_matches_back_to_the_raw_data(registered):
    found = verify(registered.root, CHAMPION)
    assert found.ok, found.render()
    checked = {check.what for check in found.checks}
    assert {"models/tasks/sentiment", "data/tasks/sentiment", "manifest in the registry"} <= checked
    decoder = {check.what for check in verify(registered.root, "models:/writer/1").checks}
    assert {"data/raw", "data/clean", "reports/validation.json", "dvc.lock: ingest"} <= decoder


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_flipped_byte_in_the_registered_model_is_found(registered, file):
    with flipped(registry_file(registered.root, file)):
        assert any(f"model in the registry: {file}" in line for line in wrong(registered.root))


def test_flipped_byte_in_raw_data_is_found_from_the_model(registered):
    with flipped(registered.root / "data/raw/part-00000.txt"):
        assert [line.split(":")[0] for line in wrong(registered.root, "models:/writer@champion")] == [
            "data/raw"
        ]


def test_flipped_byte_in_the_workspace_model_is_found(registered):
    with flipped(registered.root / "models/tasks/sentiment/model.safetensors"):
        assert any(line.startswith("models/tasks/sentiment:") for line in wrong(registered.root))


def test_changed_stage_output_in_the_lock_is_found(registered):
    lock = registered.root / "dvc.lock"
    before = lock.read_bytes()
    stages = YAML(typ="safe").load(lock)
    stages["stages"]["clean"]["outs"][0]["md5"] = "0" * 32 + ".dir"
    YAML().dump(stages, lock)
    try:
        assert any(line.startswith("dvc.lock: clean") for line in wrong(registered.root, "models:/writer/1"))
    finally:
        lock.write_bytes(before)


def test_edited_manifest_is_found(registered):
    manifest = next((registered.root / ".textmill/mlartifacts").rglob("film-sentiment/1/manifest.json"))
    with flipped(manifest):
        assert any(line.startswith("manifest in the registry") for line in wrong(registered.root))


def put_in_cache(project, path: str) -> dict[str, str]:
    """Put a directory into the DVC cache as `dvc commit` does."""
    folder = project.root / ".dvc/cache/files/md5"
    files = listing(project.root / path)
    for name, md5 in files.items():
        (folder / md5[:2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(project.root / path / name, folder / md5[:2] / md5[2:])
    whole = directory_hash(files)
    (folder / whole[:2]).mkdir(parents=True, exist_ok=True)
    entries = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    (folder / whole[:2] / whole[2:]).write_text(json.dumps(entries, sort_keys=True))
    return files


def test_flipped_byte_in_the_cache_names_the_file(registered):
    files = put_in_cache(registered, "data/clean")
    md5 = files["nested/part-00001.txt"]
    with flipped(registered.root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]):
        found = wrong(registered.root, "models:/writer/1")
    assert found == [f"data/clean: nested/part-00001.txt ({md5}) is damaged in the DVC cache"]


def test_changed_file_of_a_cached_directory_is_named(registered):
    put_in_cache(registered, "data/clean")
    with flipped(registered.root / "data/clean/nested/part-00001.txt"):
        found = wrong(registered.root, "models:/writer/1")
    assert found == ["data/clean: changed: nested/part-00001.txt"]


def test_old_champion_is_verified_from_the_cache_after_a_later_run(registered):
    """Destroys the project for tests after it, hence the last that uses its workspace."""
    for path in ("data/raw", "data/clean", "models/pretrained/decoder"):
        put_in_cache(registered, path)
    registered.write("data/raw/part-00000.txt", "other text\n")
    registered.write("data/clean/part-00000.txt", "other clean text\n")
    registered.seed = 2
    registered.lock()
    found = verify(registered.root, "models:/writer/1")
    assert found.ok, found.render()
    states = {check.what: check.state for check in found.checks}
    assert states["data/raw"] == "moved on" and states["models/pretrained/decoder"] == "same"


@pytest.mark.parametrize(
    "uri", ["film-sentiment", "models:/film-sentiment", "models:/a@", "models:/a/x", "models:/a/1@b"]
)
def test_malformed_address_is_refused(tmp_path, uri):
    with pytest.raises(UserError, match="expected models:/NAME@ALIAS"):
        verify(tmp_path, uri)


@pytest.mark.parametrize(
    "uri", ["models:/nobody@champion", "models:/film-sentiment@nothing", "models:/film-sentiment/9"]
)
def test_unknown_version_is_named(registered, uri):
    with pytest.raises(UserError, match="not in the registry"):
        verify(registered.root, uri)
