"""Write requirements.lock, requirements-dev.lock and requirements-bench.lock from what is installed here.

Run it inside a virtual environment in which `pip install -e .[dev,bench]` has just resolved pyproject.toml:

    python infra/lock.py
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Written by infra/lock.py from pyproject.toml; change that file, resolve, and run it again.\n"


def own_requires(project: Mapping[str, Any]) -> list[str]:
    """What pyproject.toml asks for, in the form of a package's metadata, which may be older."""
    extras = project["optional-dependencies"].items()
    return [
        *project["dependencies"],
        *(f'{text}; extra == "{extra}"' for extra, texts in extras for text in texts),
    ]


def closure(requirements: Iterable[str], requires: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Name → exact version of every installed package that `requirements` need, markers applied.

    Args:
        requirements: what is asked for.
        requires: what packages need, where their metadata is not to be asked.

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
            raise SystemExit(
                f"{name} is needed but not installed; run: pip install -e .[dev,bench]"
            ) from None
        # A local version (2.13.0+cpu) names a build, which is the installer's choice, not the lock's.
        pins[name] = re.sub(r"\+.*$", "", found.version)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                queue += [(Requirement(text), wanted) for text in requires.get(name, found.requires) or []]
    return pins


def main() -> None:
    """Write both lock files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requires = {canonicalize_name(project["name"]): own_requires(project)}
    extras = project["optional-dependencies"]
    runtime = closure(project["dependencies"], requires)
    development = closure(extras["dev"], requires)
    peers = closure(extras["bench"], requires)
    write(ROOT / "requirements.lock", runtime)
    development = without(development, runtime, {project["name"]: ""})
    write(ROOT / "requirements-dev.lock", development)
    write(ROOT / "requirements-bench.lock", without(peers, runtime, development))


def without(pins: dict[str, str], *others: dict[str, str]) -> dict[str, str]:
    """The pins whose names are in none of `others`."""
    return {name: version for name, version in pins.items() if not any(name in other for other in others)}


def write(path: Path, pins: dict[str, str]) -> None:
    """Write sorted `name==version` lines."""
    lines = [f"{name}=={version}\n" for name, version in sorted(pins.items())]
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"{path.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
