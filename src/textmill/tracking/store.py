"""Where MLflow keeps runs and models, and how it is reached: late, quietly, and not for long."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from textmill.errors import UserError

ARTIFACTS = Path(".textmill/mlartifacts")
ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class TrackingUnreachable(UserError):
    """The tracking server does not answer. Nothing is lost: what was to be sent is kept."""


def tracking_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, or the SQLite file `mlflow.db` in the repository.

    `mlflow ui` without arguments opens that same file.
    """
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve()}/mlflow.db"


def registry_uri(root: Path) -> str:
    """MLFLOW_REGISTRY_URI, or the tracking URI."""
    return os.environ.get("MLFLOW_REGISTRY_URI") or tracking_uri(root)


def artifact_location(root: Path, uri: str, experiment: str) -> str | None:
    """Where artifacts of a new experiment go; None lets a server decide."""
    if urlsplit(uri).scheme in ("http", "https", "databricks"):
        return None
    return (root.resolve() / ARTIFACTS / experiment).as_uri()


def ensure_reachable(uri: str, timeout: float = 2.0) -> None:
    """Open and close a connection to an HTTP tracking server, before MLflow is imported.

    Raises:
        TrackingUnreachable: nobody listens there within `timeout` seconds.
    """
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname, port), timeout=timeout):
            return
    except OSError as error:
        raise TrackingUnreachable(
            f"MLflow at {uri} does not answer ({error}). Start the server, or set MLFLOW_TRACKING_URI to "
            "another; what could not be sent is kept in .textmill/outbox and sent next time."
        ) from None


@contextlib.contextmanager
def connected(root: Path, timeout: int = 60) -> Iterator[Any]:
    """Yield an `MlflowClient` of the tracking store; MLflow's own chatter stays off the terminal.

    Args:
        root: the repository.
        timeout: seconds a server may take for one answer.

    Raises:
        TrackingUnreachable: nobody listens at the tracking URI.
    """
    uri = tracking_uri(root)
    ensure_reachable(uri)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    limits = {"MLFLOW_HTTP_REQUEST_TIMEOUT": str(timeout), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    with _environment(limits), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow

        with _quiet("mlflow", "alembic"):
            mlflow.set_tracking_uri(uri)
            yield mlflow.MlflowClient(tracking_uri=uri)


@contextlib.contextmanager
def _environment(defaults: dict[str, str]) -> Iterator[None]:
    """Set what is not set; afterwards all is as before, MLFLOW_TRACKING_URI too, which MLflow overwrites."""
    before = {name: os.environ.get(name) for name in (*defaults, "MLFLOW_TRACKING_URI")}
    os.environ.update({name: value for name, value in defaults.items() if before[name] is None})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def experiment_id(client: Any, root: Path, name: str) -> str:
    """The id of the experiment `name`, created on first use, restored if it was deleted."""
    found = client.get_experiment_by_name(name)
    if found is None:
        uri = tracking_uri(root)
        return client.create_experiment(name, artifact_location=artifact_location(root, uri, name))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id
