"""Write requirements.lock and requirements-dev.lock from what this environment has installed.

Run it inside a virtual environment in which `pip install -e .[dev]` has just resolved pyproject.toml:

    python infra/lock.py
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by infra/lock.py from pyproject.toml; change that file, resolve, and run it again.\n"


def closure(requirements: Iterable[str]) -> dict[str, str]:
    """Name → exact version of every installed package that `requirements` need, markers applied.

    Raises:
        SystemExit: a needed package is not installed here.
    """
    pins: dict[str, str] = {}
    queue = [(Requirement(text), "") for text in requirements]
    seen: set[tuple[str, str]] = set()
    while queue:
        requirement, extra = queue.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{name} is needed but not installed; run: pip install -e .[dev]") from None
        # A local version (2.13.0+cpu) names a build, which is the installer's choice, not the lock's.
        pins[name] = re.sub(r"\+.*$", "", found.version)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                queue += [(Requirement(text), wanted) for text in found.requires or []]
    return pins


def main() -> None:
    """Write both lock files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = closure(project["dependencies"])
    development = closure(project["optional-dependencies"]["dev"])
    write(ROOT / "requirements.lock", runtime)
    write(ROOT / "requirements-dev.lock", {k: v for k, v in development.items() if k not in runtime})


def write(path: Path, pins: dict[str, str]) -> None:
    """Write sorted `name==version` lines."""
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{path.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
