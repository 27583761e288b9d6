"""Run a stage on a full disk, free it, and run the stage again; started in a mount namespace of its own.

Arguments: the mount point, the workspace to copy there, the KiB to leave free, the stage and its item. Prints
one JSON object: of both runs the exit status, the output and the files below the out directories.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SIZE_MB = 24


def free_kib(disk: Path) -> int:
    """KiB that are free on a disk."""
    state = os.statvfs(disk)
    return state.f_bavail * state.f_frsize // 1024


def attempt(workspace: Path, stage: list[str]) -> dict[str, object]:
    """Run the stage and say what came of it."""
    command = [sys.executable, "-m", f"pipelines.{stage[0]}", *stage[1:]]
    done = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    outs = {
        str(path.relative_to(workspace)): base64.b64encode(path.read_bytes()).decode()
        for name in ("data", "models", "reports")
        for path in sorted((workspace / name).rglob("*"))
        if path.is_file()
    }
    return {"code": done.returncode, "output": done.stdout + done.stderr, "outs": outs}


def main(mount: str, source: str, kib: str, *stage: str) -> None:
    """See the module."""
    disk = Path(mount)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", mount], check=True)
    workspace = disk / "workspace"
    shutil.copytree(source, workspace)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while (excess := free_kib(disk) - int(kib)) > 0:
            file.write(bytes(min(excess, 64) * 1024))
            file.flush()
    full = attempt(workspace, list(stage))
    ballast.unlink()
    print(json.dumps({"full": full, "freed": attempt(workspace, list(stage))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
