"""Processes that do not outlive the one that started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux prctl(2), PR_SET_PDEATHSIG).

    The parent may already have died between fork and this call; then the process ends here.
    Elsewhere than on Linux this does nothing.
    """
    if sys.platform != "linux":
        return
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if (parent == 1 and os.environ.get("TEXTMILL_PARENT_IS_INIT") != "1") or os.getppid() != parent:
        os._exit(1)


def die_with_driver() -> None:
    """End this stage when the process that drives the DAG ends, also where a shell stands in between.

    The driver says who it is in TEXTMILL_DRIVER; a bare `dvc repro` is found in DVC's table of readers and
    writers, where it stands as long as it runs this stage. A stage that was started by hand has no driver and
    is left alone.
    """
    declared = os.environ.get("TEXTMILL_DRIVER")
    root = os.environ.get("DVC_ROOT")
    if not declared and not (root and "DVC_STAGE" in os.environ):
        return
    if declared == "1":
        os.environ["TEXTMILL_PARENT_IS_INIT"] = "1"
    die_with_parent()
    known = {int(declared)} if declared else _dvc_processes(Path(str(root)))
    if known is None:
        return
    driver = next((pid for pid in _ancestors() if pid in known), None)
    if driver is None:
        os._exit(1)
    if driver != os.getppid():
        _die_with(driver)
    if not declared:
        _have_aftercare(driver, str(root))


def _ancestors() -> list[int]:
    """Process ids of the parent, its parent and so on."""
    import psutil

    return [process.pid for process in psutil.Process().parents()]


def _dvc_processes(root: Path) -> set[int] | None:
    """Process ids in DVC's table of readers and writers; None when there is no table to be read."""
    for _ in range(20):
        try:
            table = json.loads((root / ".dvc" / "tmp" / "rwlock").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except json.JSONDecodeError:
            # DVC rewrites the table in place.
            time.sleep(0.01)
            continue
        writers = list(table.get("write", {}).values())
        readers = [entry for entries in table.get("read", {}).values() for entry in entries]
        return {int(entry["pid"]) for entry in writers + readers}
    return None


def _die_with(pid: int) -> None:
    """Kill this process when process `pid`, not its parent, ends."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        os._exit(1)

    def wait() -> None:
        import select

        select.select([handle], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="die-with-driver", daemon=True).start()


def _have_aftercare(driver: int, root: str) -> None:
    """Have what a kill of `dvc repro` leaves mended; see textmill.dag.aftercare."""
    if not hasattr(os, "pidfd_open"):
        return
    source = str(Path(__file__).resolve().parent.parent)
    subprocess.Popen(
        [sys.executable, "-m", "textmill.dag.aftercare", str(driver), root],
        env={**os.environ, "PYTHONPATH": source},
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
