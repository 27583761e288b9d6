"""What a killed run leaves behind, put right.

DVC writes dvc.lock and its table of readers and writers in place, so a kill can leave either cut off, and
the next command would refuse to start. `mend` repairs both. A run of this package calls it before it begins.
Beside a bare `dvc repro`, the first stage starts ``python -m textmill.dag.aftercare``, which waits for that
process to end, mends and ends too.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import sys
from pathlib import Path
from typing import Any

from textmill.dag import lockfile
from textmill.files import replacing


def mend(root: str | os.PathLike[str]) -> list[str]:
    """Repair dvc.lock and DVC's table of readers and writers under `root`.

    Returns:
        What was done, one sentence each; empty when nothing was damaged.
    """
    done = [lockfile.mend(lockfile.lock_file(root)), _mend_rwlock(Path(root) / ".dvc" / "tmp")]
    return [sentence for sentence in done if sentence]


def _mend_rwlock(folder: Path) -> str | None:
    table = folder / "rwlock"
    if not table.exists():
        return None
    with (folder / "rwlock.lock").open("a") as guard:
        # The lock that DVC itself takes around every edit of the table.
        fcntl.flock(guard, fcntl.LOCK_EX)
        try:
            content = json.loads(table.read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            table.unlink()
            return "DVC's table of readers and writers was cut off by a killed process; removed it"
        written = table.stat().st_mtime
        kept = {
            "write": {
                path: entry for path, entry in content.get("write", {}).items() if _holds(entry, written)
            },
            "read": {
                path: [entry for entry in entries if _holds(entry, written)]
                for path, entries in content.get("read", {}).items()
            },
        }
        kept["read"] = {path: entries for path, entries in kept["read"].items() if entries}
        if kept == {"write": content.get("write", {}), "read": content.get("read", {})}:
            return None
        with replacing(table) as temporary:
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return "removed what killed processes held in DVC's table of readers and writers"


def _holds(entry: dict[str, Any], written: float) -> bool:
    """Whether the process of an entry still lives; a later process with the same number is another one."""
    import psutil

    try:
        return psutil.Process(int(entry["pid"])).create_time() <= written + 1
    except (psutil.NoSuchProcess, KeyError):
        return False


def wait_and_mend(driver: int, root: str) -> None:
    """Wait until process `driver` ends, then mend what it left; return at once when another waits for it."""
    run = Path(root) / ".textmill" / "run"
    run.mkdir(parents=True, exist_ok=True)
    claim = run / f"aftercare-{driver}.lock"
    with claim.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            handle = os.pidfd_open(driver)
        except (BlockingIOError, ProcessLookupError):
            return
        import psutil  # noqa: F401
        import ruamel.yaml  # noqa: F401

        # Loaded before the wait: the next command may follow the kill within tenths of a second.
        select.select([handle], [], [])
        mend(root)
        claim.unlink(missing_ok=True)


if __name__ == "__main__":
    wait_and_mend(int(sys.argv[1]), sys.argv[2])
