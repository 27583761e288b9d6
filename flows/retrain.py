"""Prefect runs the DAG of dvc.yaml: each stage a task, DVC the only cache; then models are promoted.

``python -m flows.retrain [STAGE …]`` is what `make run` calls.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from flows.settings import ROOT, prepare

# Prefect reads its settings when it is imported.
prepare()

from prefect import flow, get_run_logger, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402
from prefect.futures import PrefectFuture  # noqa: E402
from prefect.states import Completed, Failed, State  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402

from flows import interrupted  # noqa: E402
from flows.summary import show_summary  # noqa: E402
from textmill.dag.console import Console, duration  # noqa: E402
from textmill.dag.plan import Step  # noqa: E402
from textmill.dag.run import Outcome, Session, session  # noqa: E402
from textmill.errors import UserError  # noqa: E402

_STATE_NAMES = {"ran": "Completed", "restored": "Restored", "cached": "Cached"}


@flow(name="retrain", task_runner=ThreadPoolTaskRunner(max_workers=64), persist_result=False)
def retrain(stages: list[str] | None = None) -> State[Any]:
    """Bring the stages of dvc.yaml up to date, then register and judge the models.

    Args:
        stages: only these, with what they need, and without promotion; all when empty.
    """
    try:
        with session(ROOT, stages or ()) as current:
            interrupted.report_and_note()
            console = Console(current.plan)
            console.opened()
            outcomes = run_steps(current, console)
        finished = console.closed(outcomes)
        if stages or not finished:
            # The next execution of a training stage overwrites what this one recorded.
            _tracked()
        if not finished:
            failed = [
                f"{outcome.name}: {outcome.error}" for outcome in outcomes if outcome.status == "failed"
            ]
            return Failed(message="\n".join(failed))
        return _promoted() if not stages else Completed()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return Failed(message=str(error))


def run_steps(current: Session, console: Console) -> list[Outcome]:
    """Run every step of the session's plan as a task behind the tasks of its upstream.

    A clean step ends as ``Cached``, one whose outs came from DVC's run cache as ``Restored``; a step whose
    upstream failed is never started and stays ``NotReady``.
    """
    outcomes: dict[str, Outcome] = {}
    futures: dict[str, PrefectFuture[Any]] = {}

    def bring(step: Step) -> State[Any]:
        outcome = current.execute(step, [outcomes[name] for name in step.upstream], console.started)
        outcomes[step.name] = outcome
        console.ended(outcome)
        if outcome.status == "failed":
            get_run_logger().error(outcome.error)
            return Failed(message=outcome.error)
        took = f"in {duration(outcome.seconds)}" if outcome.changed else "outs are up to date"
        return Completed(name=_STATE_NAMES[outcome.status], message=took)

    options: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}
    for step in current.plan.steps:
        stage = task(bring, name=step.name.split("@")[0], task_run_name=step.name, **options)
        futures[step.name] = stage.submit(step, wait_for=[futures[name] for name in step.upstream])
    for name, future in futures.items():
        future.wait()
        if name not in outcomes:
            outcomes[name] = Outcome(name, "skipped")
            console.ended(outcomes[name])
    return [outcomes[step.name] for step in current.plan.steps]


def _tracked() -> None:
    """Send MLflow what the finished training stages recorded; what cannot be sent is kept."""
    from textmill.tracking.send import send_pending

    send_pending(ROOT)


def _promoted() -> State[Any]:
    """Register and judge the models; a model that a gate holds back does not fail the run."""
    from textmill.config.load import read_params

    if "registry" not in read_params(ROOT / "params.yaml"):
        return Completed(message="params.yaml registers no model")
    from flows.promote import promote_models
    from textmill.registry.outcome import table

    try:
        outcomes = promote_models(ROOT)
    except UserError:
        show_summary(ROOT, ())
        raise
    show_summary(ROOT, outcomes)
    return Completed(message=table(outcomes))


def main() -> int:
    """Read the command line, have a Prefect server, run the flow; 0 when every stage is up to date."""
    parser = argparse.ArgumentParser(prog="python -m flows.retrain", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="only these, with what they need")
    arguments = parser.parse_args()
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from flows.server import use_prefect_server

    try:
        with temporary_settings({PREFECT_API_URL: use_prefect_server()}):
            state = retrain(arguments.stages or None, return_state=True)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    finally:
        interrupted.forget()
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
