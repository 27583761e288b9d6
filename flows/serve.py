"""``python -m flows.serve``: serve the deployments of prefect.yaml from this process; `make up` starts it.

A scheduled run works as `make run` does, in a process of its own, and cannot start beside another run.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from flows.settings import ROOT
from textmill.errors import UserError


def declared(path: Path) -> list[dict[str, Any]]:
    """The deployments of a prefect.yaml.

    Raises:
        UserError: the file is missing, or a deployment lacks its name or entrypoint.
    """
    if not path.exists():
        raise UserError(f"{path}: not found; it declares what `make up` serves.")
    try:
        found = YAML(typ="safe").load(path.read_text(encoding="utf-8")).get("deployments") or []
    except MarkedYAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}.") from None
    for number, entry in enumerate(found, start=1):
        for key in ("name", "entrypoint"):
            if not entry.get(key):
                raise UserError(f"{path}: deployments: number {number}: {key}: missing.")
        if ":" not in entry["entrypoint"] or not (path.parent / entry["entrypoint"].split(":")[0]).is_file():
            raise UserError(
                f"{path}: deployments: {entry['name']}: entrypoint: expected FILE.py:FLOW, found "
                f"{entry['entrypoint']!r}."
            )
    return found


def deployments(path: Path) -> list[Any]:
    """The deployments of a prefect.yaml as Prefect objects that `prefect.serve` takes."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.schedules import Cron

    made = []
    for entry in declared(path):
        file, name = entry["entrypoint"].split(":")
        flow = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)
        schedules = [
            Cron(each["cron"], timezone=each.get("timezone", "UTC"), active=each.get("active", True))
            for each in entry.get("schedules") or []
        ]
        limit = entry.get("concurrency_limit")
        made.append(
            flow.to_deployment(
                name=entry["name"],
                schedules=schedules,
                parameters=entry.get("parameters") or {},
                description=entry.get("description"),
                tags=entry.get("tags"),
                concurrency_limit=ConcurrencyLimitConfig(**limit) if isinstance(limit, dict) else limit,
            )
        )
    return made


def main() -> int:
    """Serve until ended."""
    from flows.server import use_prefect_server

    try:
        # Its address has to be in the environment before Prefect is imported.
        use_prefect_server()
        entries = deployments(ROOT / "prefect.yaml")
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from prefect import serve

    serve(*entries, pause_on_shutdown=False, print_starting_message=False, limit=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
