"""``python -m flows.server up|down|status``: Prefect, the schedule and the MLflow UI on this machine.

Everything listens on loopback, keeps its files below .textmill/ and is ended by pid file.
TEXTMILL_PREFECT_PORT and TEXTMILL_MLFLOW_PORT fix the ports; otherwise they are the next free ones from 4200
and 5000. Where PREFECT_API_URL or MLFLOW_TRACKING_URI name a server, that one is used and none is started.
"""

from __future__ import annotations

import argparse
import os
import sys

from flows.services import Service
from flows.settings import ROOT, prepare
from textmill.errors import UserError


def prefect_server() -> Service:
    """The Prefect server, with its UI."""
    return Service(
        name="prefect",
        title="Prefect server",
        arguments=("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", "{port}"),
        root=ROOT,
        variable="TEXTMILL_PREFECT_PORT",
        port=4200,
        health="/api/health",
    )


def mlflow_server() -> Service:
    """The MLflow UI over the tracking store of this checkout."""
    store = f"sqlite:///{ROOT / 'mlflow.db'}"
    artifacts = (ROOT / ".textmill" / "mlartifacts").as_uri()
    return Service(
        name="mlflow",
        title="MLflow UI",
        arguments=(
            *("-m", "mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
            *("--backend-store-uri", store, "--default-artifact-root", artifacts),
        ),
        root=ROOT,
        variable="TEXTMILL_MLFLOW_PORT",
        port=5000,
        health="/health",
    )


def schedule() -> Service:
    """The process that runs what prefect.yaml schedules."""
    return Service(name="schedule", title="schedule", arguments=("-m", "flows.serve"), root=ROOT)


def use_prefect_server() -> str:
    """Point Prefect at a server that answers, started here if need be; its API address.

    Raises:
        UserError: the local server could not be started.
    """
    prepare()
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    service = prefect_server()
    found = service.running()
    if found is None:
        print(
            "Starting the local Prefect server (some 10 seconds; it stays up) …", file=sys.stderr, flush=True
        )
        found = service.start()
    service.wait(found)
    os.environ["PREFECT_API_URL"] = f"{service.url(found)}/api"
    return os.environ["PREFECT_API_URL"]


def up() -> int:
    """Start what is not up yet, and say where it is."""
    prepare()
    services = [mlflow_server()] if not os.environ.get("MLFLOW_TRACKING_URI") else []
    pending = [(service, service.start()) for service in services]
    api = use_prefect_server()
    schedule().start()
    for service, running in pending:
        service.wait(running)
        print(f"{service.title:<15} {service.url(running)}")
    print(f"{'Prefect UI':<15} {api.removesuffix('/api')}")
    print(f"{'schedule':<15} deployments of prefect.yaml; log in .textmill/logs/schedule.log")
    return 0


def down() -> int:
    """End what `up` or a run started."""
    stopped = [service.title for service in (schedule(), prefect_server(), mlflow_server()) if service.stop()]
    print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
    return 0


def status() -> int:
    """Say what is up."""
    for service in (prefect_server(), mlflow_server(), schedule()):
        running = service.running()
        where = (service.url(running) if running.port else f"process {running.pid}") if running else "down"
        print(f"{service.title:<15} {where}")
    return 0


def main() -> int:
    """Read the command line and carry it out."""
    parser = argparse.ArgumentParser(prog="python -m flows.server", description=__doc__)
    parser.add_argument("action", choices=["up", "down", "status"])
    try:
        return {"up": up, "down": down, "status": status}[parser.parse_args().action]()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
