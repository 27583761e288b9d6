"""The hashes DVC gives files and directories, computed without DVC."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def canonical_sha256(value: Any) -> str:
    """SHA-256 (hex) of `value` written as JSON with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: str | os.PathLike[str], algorithm: str = "md5") -> str:
    """Hash (hex) of a file's bytes, read in chunks of 1 MiB."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with Path(path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def listing(directory: str | os.PathLike[str]) -> dict[str, str]:
    """MD5 of every file below a directory, by its relative path with forward slashes.

    Temporary files of an interrupted writer (`.name.pid.tmp`) count too: DVC would track them.
    """
    root = Path(directory)
    files = (Path(folder, name) for folder, _, names in os.walk(root) for name in names)
    return {file.relative_to(root).as_posix(): file_hash(file) for file in sorted(files)}


def directory_hash(files: dict[str, str]) -> str:
    """The hash DVC gives a directory with this `listing`: MD5 of its JSON listing, with `.dir` behind."""
    entries = [{"md5": files[name], "relpath": name} for name in sorted(files)]
    return (
        hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
    )


def path_hash(path: str | os.PathLike[str]) -> str | None:
    """The hash dvc.lock holds for a file or directory as it is now, or None where there is neither."""
    place = Path(path)
    if place.is_dir():
        return directory_hash(listing(place))
    return file_hash(place) if place.is_file() else None
