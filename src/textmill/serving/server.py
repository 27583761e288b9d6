"""`textmill serve`: a registered model behind HTTP, by MLflow's scoring server in this environment."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from textmill.errors import UserError
from textmill.tracking.store import ENVIRONMENT, registry_uri, tracking_uri

HOST, PORT = "127.0.0.1", 5002


def serving_command(uri: str, host: str = HOST, port: int = PORT) -> list[str]:
    """The command that serves a model: `POST /invocations` answers, `GET /ping` says that it is up."""
    options = ["--env-manager", "local", "--host", host, "--port", str(port), "--workers", "1"]
    return [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri, *options]


def serving_environment(root: Path) -> dict[str, str]:
    """The environment it needs: where the registry is, and where this interpreter's commands are."""
    # MLflow starts uvicorn by name, which a venv that was not activated does not have on PATH.
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    store = {"MLFLOW_TRACKING_URI": tracking_uri(root), "MLFLOW_REGISTRY_URI": registry_uri(root)}
    return {**ENVIRONMENT, **os.environ, **store, "PATH": commands}


def serve(root: Path | str, uri: str, host: str = HOST, port: int = PORT) -> None:
    """Serve a registered model until interrupted; this process becomes the server.

    Args:
        root: the repository.
        uri: `models:/NAME@ALIAS` or `models:/NAME/VERSION`.
        host: the address to listen on; loopback by default, since the server asks for no password.
        port: the port.

    Raises:
        UserError: the registry has no such version, or the port is taken.
        TrackingUnreachable: the MLflow server does not answer.
    """
    from textmill.registry.verify import resolve
    from textmill.tracking.store import connected

    with connected(Path(root)) as client:
        version = resolve(client, uri)
    ensure_free(host, port)
    address = f"{host}:{port}/invocations"
    print(f"{uri} (version {version.number}) at http://{address}; Ctrl-C stops it. Try:")
    print(f"""curl -H 'Content-Type: application/json' -d '{{"inputs": ["text"]}}' {address}""", flush=True)
    command = serving_command(uri, host, port)
    os.execve(command[0], command, serving_environment(Path(root)))


def ensure_free(host: str, port: int) -> None:
    """Check that nobody listens on a port.

    Raises:
        UserError: the port is taken, or the address is not of this machine.
    """
    try:
        with socket.create_server((host, port)):
            return
    except OSError as error:
        reason = f"cannot listen there ({error.strerror}). Choose another port with --port."
        raise UserError(f"{host}:{port}: {reason}") from None
