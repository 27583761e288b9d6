"""`textmill verify`: re-derive every hash of a model's manifest, from the model back to the raw bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from textmill.errors import UserError
from textmill.files import read_json
from textmill.registry import versions
from textmill.registry.cache import Cache
from textmill.registry.versions import Version
from textmill.tracking.hashes import directory_hash, file_hash, listing
from textmill.tracking.lockfile import Lock, read_lock
from textmill.tracking.models import parse
from textmill.tracking.revision import file_at
from textmill.tracking.store import connected

State = Literal["same", "moved on", "differs", "missing"]


@dataclass(frozen=True)
class Check:
    """One thing looked at; `moved on`: a later run replaced it, and the old bytes are still at hand."""

    what: str
    state: State
    detail: str = ""


@dataclass
class Verification:
    """What `verify` found about one model version."""

    uri: str
    version: str
    checks: list[Check] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing differs and nothing is missing."""
        return all(check.state in ("same", "moved on") for check in self.checks)

    def render(self) -> str:
        """Plain text: what is wrong first, then a count of what is right."""
        wrong = [check for check in self.checks if check.state in ("differs", "missing")]
        lines = [f"{self.uri} (version {self.version}): {len(self.checks)} hashes checked"]
        lines += [f"  {check.state}: {check.what}: {check.detail}" for check in wrong]
        moved = sum(check.state == "moved on" for check in self.checks)
        if moved:
            lines.append(
                f"  {moved} were replaced by a later run; the old bytes are intact in the DVC cache or in git"
            )
        lines.append("  everything matches" if not wrong else f"  {len(wrong)} do not match")
        return "\n".join(lines)


def verify(root: Path | str, uri: str) -> Verification:
    """Check a registered model against its manifest, dvc.lock, the working directory and the DVC cache.

    Args:
        root: the repository.
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    Raises:
        UserError: there is no such version, or it was not registered by textmill.
        TrackingUnreachable: the MLflow server does not answer.
    """
    root = Path(root)
    parse(uri)
    with connected(root) as client:
        version = resolve(client, uri)
        found = Verification(uri, version.number)
        path = versions.attached(client, version, "manifest.json")
        if path is None:
            raise UserError(
                f"{uri}: version {version.number} has no manifest; it was not registered by textmill."
            )
        expected = client.get_model_version(version.name, version.number).tags.get(versions.MANIFEST)
        found.checks.append(_compared("manifest in the registry", expected, file_hash(path, "sha256")))
        manifest = read_json(path)
        found.checks += _registry_copy(version, manifest)
        report = versions.attached(client, version, "evaluation")
    now = file_hash(report) if report else None
    found.checks.append(_compared("evaluation report in the registry", manifest["evaluation"]["md5"], now))
    found.checks += _lineage(root, manifest, read_lock(root))
    return found


def resolve(client: Any, uri: str) -> Version:
    """The version a `models:/…` address names.

    Raises:
        UserError: the address is malformed, or the registry has no such model, alias or version.
    """
    from mlflow.exceptions import MlflowException

    name, alias, number = parse(uri)
    try:
        if alias:
            number = str(client.get_model_version_by_alias(name, alias).version)
        return Version(name, number, client.get_model_version(name, number).run_id, created=False)
    except MlflowException as error:
        raise UserError(f"{uri}: not in the registry: {str(error).splitlines()[0]}") from None


def _compared(what: str, expected: str | None, now: str | None) -> Check:
    if now is None:
        return Check(what, "missing", f"expected {expected}")
    return (
        Check(what, "same")
        if now == expected
        else Check(what, "differs", f"expected {expected}, found {now}")
    )


def _registry_copy(version: Version, manifest: dict[str, Any]) -> list[Check]:
    """The files of the model as the registry holds them."""
    import mlflow
    from mlflow.exceptions import MlflowException

    name = Path(manifest["model"]["path"]).name
    try:
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=f"{version.uri}/artifacts/{name}"))
        now = listing(folder)
    except (MlflowException, OSError) as error:
        return [Check("model in the registry", "missing", str(error).splitlines()[0])]
    expected: dict[str, str] = manifest["model"]["files"]
    return [
        _compared(f"model in the registry: {file}", expected.get(file, "no such file"), now.get(file))
        for file in sorted({*expected, *now})
    ]


def _lineage(root: Path, manifest: dict[str, Any], lock: Lock) -> list[Check]:
    """Every stage against dvc.lock, and every path it read or wrote against the bytes there are."""
    checks, seen = [], set()
    cache = Cache.of(root)
    made = {path for stage in manifest["lineage"] for path in stage["outs"]}
    for stage in manifest["lineage"]:
        entry = lock.stages.get(stage["stage"])
        if entry is None or entry.key != stage["key"]:
            checks.append(Check(f"dvc.lock: {stage['stage']}", "moved on", "executed again since"))
        else:
            checks.append(_stage_outs(stage, entry.outs))
        for path, md5 in {**stage["deps"], **stage["outs"]}.items():
            if (path, md5) not in seen:
                seen.add((path, md5))
                if path in made:
                    checks.append(_path(root, path, md5, lock, cache))
                else:
                    checks.append(_read_only(root, path, md5, lock, manifest["git"]["commit"]))
    return checks


def _stage_outs(stage: dict[str, Any], outs: dict[str, str]) -> Check:
    what = f"dvc.lock: {stage['stage']}"
    wrong = [path for path, md5 in stage["outs"].items() if outs.get(path) != md5]
    return (
        Check(what, "differs", f"other outs with the same stage key: {', '.join(wrong)}")
        if wrong
        else Check(what, "same")
    )


def _path(root: Path, path: str, md5: str, lock: Lock, cache: Cache) -> Check:
    """An out of a stage: in the working directory, in the cache, or both."""
    now, files = _now(root / path)
    damage = cache.damage(md5)
    if now == md5:
        return Check(path, "differs", f"{damage} in the DVC cache") if damage else Check(path, "same")
    if now is not None and md5 in _current(lock, path):
        return _difference(path, md5, now, files, cache)
    if damage == "":
        return Check(path, "moved on", "in the DVC cache")
    return Check(path, "missing", f"{md5} is neither in the working directory nor whole in the cache")


def _read_only(root: Path, path: str, md5: str, lock: Lock, commit: str) -> Check:
    """What a stage read but none wrote: code, which git keeps, or a directory whose parts are outs."""
    now, _ = _now(root / path)
    if now == md5:
        return Check(path, "same")
    kept = file_at(root, commit, path)
    if kept is not None and hashlib.md5(kept, usedforsecurity=False).hexdigest() == md5:
        return Check(path, "moved on", f"as it was at commit {commit[:12]}")
    if md5 in _current(lock, path) or kept is not None:
        return Check(path, "differs", f"expected {md5}, found {now or 'nothing'}")
    return Check(path, "moved on", "its parts are checked by themselves")


def _now(place: Path) -> tuple[str | None, dict[str, str]]:
    if place.is_dir():
        files = listing(place)
        return directory_hash(files), files
    return (file_hash(place) if place.is_file() else None), {}


def _current(lock: Lock, path: str) -> set[str]:
    """The hashes dvc.lock holds for a path now."""
    items = [
        part[path] for entry in lock.stages.values() for part in (entry.deps, entry.outs) if path in part
    ]
    return set(items)


def _difference(path: str, md5: str, now: str, files: dict[str, str], cache: Cache) -> Check:
    expected = cache.members(md5)
    if expected is None:
        return Check(path, "differs", f"expected {md5}, found {now}")
    wrong = sorted(name for name in {*expected, *files} if expected.get(name) != files.get(name))
    names = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    return Check(path, "differs", f"changed: {names}")
