"""Which revision of the code is running."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Revision:
    """A git commit (40 hex digits, empty outside a repository) and whether tracked files differ from it.

    dvc.lock does not count as a difference: every run writes it, and its hash is recorded by itself.
    """

    commit: str
    dirty: bool


def revision(root: Path) -> Revision:
    """The git revision of the repository at `root`."""
    commit = _git(root, "rev-parse", "HEAD").strip()
    if not commit:
        return Revision("", True)
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!dvc.lock")
    return Revision(commit, bool(changed.strip()))


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def file_at(root: Path, commit: str, path: str) -> bytes | None:
    """The bytes of a file at a commit, or None if git has no such file there."""
    if not commit:
        return None
    done = subprocess.run(
        ["git", "-C", str(root), "show", f"{commit}:{path}"], capture_output=True, check=False
    )
    # A directory is shown as a listing that starts with its name; a file is not.
    listed = done.stdout.startswith(f"tree {commit}:{path}".encode())
    return done.stdout if done.returncode == 0 and not listed else None
