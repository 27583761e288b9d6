"""What dvc.lock says of each stage, and the stage key that names one execution of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from textmill.errors import UserError
from textmill.tracking.hashes import canonical_sha256, file_hash


@dataclass(frozen=True)
class StageEntry:
    """One stage of dvc.lock: `deps` and `outs` map paths to DVC hashes, `params` maps files to values."""

    name: str
    cmd: str
    deps: dict[str, str]
    params: dict[str, Any]
    outs: dict[str, str]

    @property
    def key(self) -> str:
        """The stage key: SHA-256 of command, dependency hashes and params.

        Two executions with the same key read the same bytes with the same code and params, which is
        the condition under which DVC restores outs instead of executing the stage.
        """
        return canonical_sha256({"cmd": self.cmd, "deps": self.deps, "params": self.params})

    def as_dict(self) -> dict[str, Any]:
        """The entry with its key, as JSON can hold it."""
        return {
            "stage": self.name,
            "key": self.key,
            "cmd": self.cmd,
            "deps": self.deps,
            "params": self.params,
            "outs": self.outs,
        }


@dataclass(frozen=True)
class Lock:
    """The stages of dvc.lock in the order of the file, and the SHA-256 of its bytes."""

    stages: dict[str, StageEntry]
    sha256: str

    def producer(self, path: str) -> StageEntry | None:
        """The stage whose out is `path`, holds it, or lies below it."""
        found = list(self.producers(path))
        return found[0] if found else None

    def producers(self, path: str) -> Iterator[StageEntry]:
        """Every stage with an out that is `path`, holds it, or lies below it."""
        for entry in self.stages.values():
            if any(_touches(out, path) for out in entry.outs):
                yield entry

    def out_hash(self, path: str) -> str | None:
        """The hash of the out `path`, or None if no stage lists exactly that path."""
        for entry in self.stages.values():
            if path in entry.outs:
                return entry.outs[path]
        return None


def _touches(out: str, path: str) -> bool:
    return out == path or path.startswith(out + "/") or out.startswith(path + "/")


def read_lock(root: Path) -> Lock:
    """Read `root`/dvc.lock; without one, no stage has been committed yet.

    Raises:
        UserError: the file is not YAML or not the lock file of schema 2.0.
    """
    path = root / "dvc.lock"
    if not path.exists():
        return Lock({}, "")
    try:
        stages = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["stages"]
        entries = {name: _entry(name, value) for name, value in stages.items()}
    except (MarkedYAMLError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: expected a lock file as DVC writes it, but reading it failed at {error}. Restore it "
            "with `git checkout dvc.lock`, or remove it and run `dvc repro`."
        ) from None
    return Lock(entries, file_hash(path, "sha256"))


def _entry(name: str, value: dict[str, Any]) -> StageEntry:
    return StageEntry(
        name=name,
        cmd=str(value["cmd"]),
        deps=_hashes(value.get("deps", [])),
        params=value.get("params", {}),
        outs=_hashes(value.get("outs", [])),
    )


def _hashes(items: list[dict[str, Any]]) -> dict[str, str]:
    return {item["path"]: str(item[item.get("hash", "md5")]) for item in items}
