"""The lineage manifest: what a model version was made of, hash by hash, back to the raw bytes."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from textmill.config.registry import RegisteredModel
from textmill.errors import UserError
from textmill.files import read_json
from textmill.tracking.hashes import canonical_sha256, directory_hash, file_hash, listing
from textmill.tracking.lockfile import Lock, StageEntry
from textmill.tracking.revision import revision

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "numpy", "mlflow", "dvc")
VALIDATION = "reports/validation.json"


def lineage(lock: Lock, paths: list[str]) -> list[StageEntry]:
    """The stages behind `paths`, in lock order: their producers, and theirs, back to the sources."""
    wanted: set[str] = set()
    queue = list(paths)
    while queue:
        for entry in lock.producers(queue.pop()):
            if entry.name not in wanted:
                wanted.add(entry.name)
                queue.extend(entry.deps)
    return [entry for name, entry in lock.stages.items() if name in wanted]


def build_manifest(root: Path, spec: RegisteredModel, lock: Lock) -> dict[str, Any]:
    """Describe the model of `spec` as it lies in the working directory.

    Raises:
        UserError: the model or its report is missing, no stage of dvc.lock made it, or its bytes are not
            the ones dvc.lock describes.
    """
    trained, judged = (_committed(root, spec, lock, path) for path in (spec.path, spec.report))
    files = listing(root / spec.path)
    report = read_json(root / spec.report)
    code = revision(root)
    stages = [entry.as_dict() for entry in lineage(lock, [spec.path, spec.report])]
    return {
        "format": 1,
        "name": spec.name,
        "model": {"path": spec.path, "md5": directory_hash(files), "files": files, "stage_key": trained.key},
        "git": {"commit": code.commit, "dirty": code.dirty},
        "dvc_lock_sha256": lock.sha256,
        "params_sha256": canonical_sha256({stage["stage"]: stage["params"] for stage in stages}),
        "lineage": stages,
        "evaluation": {
            "path": spec.report,
            "md5": file_hash(root / spec.report),
            "stage_key": judged.key,
            "test_sha256": report.get("test_sha256"),
            "n": report.get("n"),
            "models": {name: values.get("metrics", {}) for name, values in report["models"].items()},
            "comparisons": report.get("comparisons", []),
        },
        "privacy": training_privacy(root, trained),
        "validation": _validation(root),
        "requirements_sha256": _requirements(root),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "device": _device(),
    }


def producer_of(lock: Lock, spec: RegisteredModel, path: str) -> StageEntry:
    """The stage of which `path` is an out.

    Raises:
        UserError: no stage of dvc.lock lists it.
    """
    entry = next((entry for entry in lock.stages.values() if path in entry.outs), None)
    if entry is None:
        raise UserError(
            f"params.yaml: registry.models: {spec.name}: {path} is not an out of any stage in dvc.lock. "
            "Name the out of a training or evaluation stage, and run the pipeline (`make run` or "
            "`dvc repro`) before registering."
        )
    return entry


def _committed(root: Path, spec: RegisteredModel, lock: Lock, path: str) -> StageEntry:
    entry = producer_of(lock, spec, path)
    place = root / path
    if not place.exists():
        raise UserError(f"{path}: not found, though dvc.lock lists it. Run `dvc checkout` or `dvc repro`.")
    found = directory_hash(listing(place)) if place.is_dir() else file_hash(place)
    if found != entry.outs[path]:
        raise UserError(
            f"{path}: its hash is {found}, but dvc.lock says {entry.outs[path]}: it was changed after "
            f"stage {entry.name} wrote it. Only what the pipeline made is registered; run `dvc repro`, or "
            "`dvc checkout` to restore it."
        )
    return entry


def training_privacy(root: Path, trained: StageEntry) -> dict[str, Any] | None:
    """What a private training stage has spent, from its committed report; None where it was not private."""
    for path, value in trained.outs.items():
        if path.startswith("reports/") and (root / path).is_file() and file_hash(root / path) == value:
            return read_json(root / path).get("privacy")
    return None


def _validation(root: Path) -> dict[str, Any] | None:
    path = root / VALIDATION
    if not path.is_file():
        return None
    return {"path": VALIDATION, "md5": file_hash(path), "passed": bool(read_json(path).get("passed"))}


def _requirements(root: Path) -> str | None:
    path = root / "requirements.lock"
    return file_hash(path, "sha256") if path.is_file() else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device() -> dict[str, str]:
    import torch

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    return {"device": device, "machine": platform.machine(), "system": platform.system()}
