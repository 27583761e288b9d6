"""Which model versions saw a document: the manifest of each names its corpus and task rows by hash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq

from textmill.errors import UserError
from textmill.registry.cache import Cache
from textmill.registry.versions import Version
from textmill.tracking import probe
from textmill.tracking.lockfile import Lock, read_lock
from textmill.tracking.store import registry_uri

CORPUS, TASKS = "data/corpus", "data/tasks/"
FOLLOWED = ("data/", "models/")
"""What a model is made of: reports are gates, not ingredients."""


@dataclass(frozen=True)
class Seen:
    """A model version and what it did with a document.

    Attributes:
        id: of the document or task row.
        model, version, aliases: of the version.
        how: ``train``, ``validation`` or ``test``, the part of its data that holds the document; ``unknown``
            if that data is no longer in the cache.
        data: the path of the data.
        md5: DVC's hash of it.
    """

    id: str
    model: str
    version: str
    aliases: tuple[str, ...]
    how: str
    data: str
    md5: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True)
class Registered:
    """A version with the manifest it was registered with; None if it has none that can be read."""

    model: str
    version: str
    aliases: tuple[str, ...]
    manifest: dict[str, Any] | None


def seen_by(root: Path, ids: Iterable[str]) -> list[Seen]:
    """The versions whose data holds one of `ids`, and those of which it can no longer be told.

    Args:
        root: the repository.
        ids: of documents and task rows.

    Raises:
        UserError: dvc.lock is damaged, or the tracking server does not answer.
    """
    wanted = set(ids)
    versions = registered(root)
    if not versions or not wanted:
        return []
    lock, cache = read_lock(root), Cache.of(root)
    known: dict[tuple[str, str], dict[str, set[str]] | None] = {}
    found = []
    for one in versions:
        for path, md5 in ingredients(one.manifest).items() if one.manifest else ():
            if (path, md5) not in known:
                known[path, md5] = _parts(root, path, md5, lock, cache, wanted)
            parts = known[path, md5]
            holding = {"unknown": wanted} if parts is None else parts
            found += [
                Seen(name, one.model, one.version, one.aliases, part, path, md5)
                for part, names in holding.items()
                for name in sorted(names)
            ]
    return found


def ingredients(manifest: dict[str, Any]) -> dict[str, str]:
    """The corpus and task tables that a model was trained or measured on: DVC hash by path."""
    stages = manifest["lineage"]
    made = {out: stage for stage in stages for out in stage["outs"]}
    queue = [manifest["model"]["path"], manifest["evaluation"]["path"]]
    passed, found = set(), {}
    while queue:
        path = queue.pop()
        stage = made.get(path)
        if stage is None or stage["stage"] in passed:
            continue
        passed.add(stage["stage"])
        for dep, md5 in stage["deps"].items():
            if dep == CORPUS or dep.startswith(TASKS):
                found[dep] = md5
            elif dep.startswith(FOLLOWED):
                queue.append(dep)
    return dict(sorted(found.items()))


def registered(root: Path) -> list[Registered]:
    """Every version in the registry, asked without importing MLflow where the store is a local file.

    Raises:
        UserError: the tracking server does not answer.
    """
    uri = registry_uri(root)
    rows = probe.versions(uri)
    if rows is None:
        return list(_through_mlflow(root))
    found = []
    for row in rows:
        path = _local(row["artifacts"], Version(row["name"], row["version"], row["run_id"], False).folder)
        if path is None:
            return list(_through_mlflow(root))
        manifest = json.loads(path.read_text("utf-8")) if path.is_file() else None
        found.append(Registered(row["name"], row["version"], tuple(row["aliases"]), manifest))
    return found


def _local(artifacts: str, folder: str) -> Path | None:
    parts = urlsplit(artifacts)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path)) / folder / "manifest.json"


def _through_mlflow(root: Path) -> Iterator[Registered]:
    from textmill.registry.versions import read_attached
    from textmill.tracking.store import connected

    with connected(root) as client:
        for model in client.search_registered_models():
            for one in client.search_model_versions(f"name = '{model.name}'"):
                number = str(one.version)
                aliases = tuple(sorted(a for a, held in model.aliases.items() if str(held) == number))
                version = Version(model.name, number, one.run_id, False)
                yield Registered(model.name, number, aliases, read_attached(client, version, "manifest.json"))


def _parts(
    root: Path, path: str, md5: str, lock: Lock, cache: Cache, wanted: set[str]
) -> dict[str, set[str]] | None:
    """Those of `wanted` that each part of some data holds, or None if the data is gone."""
    if lock.out_hash(path) == md5 and (root / path).is_dir():
        files = {str(file.relative_to(root / path)): file for file in (root / path).rglob("*.parquet")}
    else:
        members = cache.members(md5)
        if members is None:
            return None
        files = {name: cache.place(each) for name, each in members.items() if name.endswith(".parquet")}
    parts: dict[str, set[str]] = {}
    for name, file in sorted(files.items()):
        if not file.is_file():
            return None
        try:
            ids = pq.read_table(file, columns=["id"], filters=[("id", "in", wanted)])["id"].to_pylist()
        except (OSError, ValueError) as error:
            raise UserError(
                f"{file}: expected a readable Parquet file, but {str(error).splitlines()[0]}"
            ) from error
        parts.setdefault(name.split("/")[0].removesuffix(".parquet"), set()).update(ids)
    return parts
