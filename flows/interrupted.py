"""Flow runs whose process was killed: Prefect still shows them as running, and the next run corrects that."""

from __future__ import annotations

import json
from uuid import UUID

from flows.settings import ROOT

_NOTE = ROOT / ".textmill" / "run" / "flow_run.json"


def report_and_note() -> None:
    """Mark the run that was noted here and never ended as crashed, and note the current one.

    Call it inside a flow that holds the session of this checkout: then no other run is alive.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound
    from prefect.runtime import flow_run
    from prefect.states import Crashed

    if _NOTE.exists():
        try:
            killed = UUID(json.loads(_NOTE.read_text(encoding="utf-8"))["id"])
            with get_client(sync_client=True) as client:
                state = client.read_flow_run(killed).state
                if state is None or not state.is_final():
                    client.set_flow_run_state(killed, Crashed(message="Its process was killed."), force=True)
        except (ValueError, KeyError, ObjectNotFound):
            # The note is damaged, or the server has forgotten the run: nothing is shown as running.
            _NOTE.unlink(missing_ok=True)
    _NOTE.parent.mkdir(parents=True, exist_ok=True)
    _NOTE.write_text(json.dumps({"id": str(flow_run.id)}), encoding="utf-8")


def forget() -> None:
    """The current run ended by itself."""
    _NOTE.unlink(missing_ok=True)
