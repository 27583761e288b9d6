"""Where Prefect and MLflow live on this machine: below .textmill/, on loopback, without telemetry."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(os.environ.get("TEXTMILL_ROOT") or Path(__file__).resolve().parent.parent)

_QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    # Without an address Prefect would start a server for the moment: 15 seconds, and tracebacks when it ends.
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
}


def prepare() -> None:
    """Set what Prefect reads from its environment when it is imported; what the user has set stays.

    Prefect keeps its files in .textmill/prefect. Its own log lines go to its server and to prefect.log
    there, not to the terminal, which belongs to the stages.
    """
    home = ROOT / ".textmill" / "prefect"
    home.mkdir(parents=True, exist_ok=True)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_HOME", str(home))
    os.environ.setdefault("PREFECT_LOGGING_SETTINGS_PATH", str(Path(__file__).with_name("logging.yml")))
