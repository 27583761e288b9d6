"""Prefect: register each model as candidate, apply the gates, promote in a transaction with rollback.

The steps are those of `textmill.registry.promotion`; this file says which of them are tasks, which
belong to one transaction, and what undoes it. `textmill register` runs the same steps without Prefect.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.transactions import Transaction, transaction

from textmill.registry import promotion
from textmill.registry.candidate import Candidate
from textmill.registry.gates import Ruling
from textmill.registry.outcome import Outcome, table
from textmill.registry.promotion import Plan, PostCheckFailed, Session
from textmill.tracking.send import send_pending
from textmill.tracking.store import TrackingUnreachable

STEP = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}


@task(task_run_name="register {spec.name}", **STEP)
def register_candidate(session: Session, spec: Any) -> Candidate:
    """Register one model, or find the version with the same bytes."""
    return promotion.enter_candidate(session, spec)


@task(task_run_name="gates {candidate.spec.name}", **STEP)
def apply_gates(session: Session, candidate: Candidate) -> list[Ruling]:
    """Smoke test, reports, baselines, champion."""
    return promotion.rule(session, candidate)


@task(task_run_name="promote {candidate.spec.name}", **STEP)
def move_aliases(session: Session, candidate: Candidate) -> None:
    """`previous` ← champion, `champion` ← candidate."""
    promotion.move_aliases(session, candidate)


@move_aliases.on_rollback
def restore_aliases(transaction: Transaction) -> None:
    """Put the aliases back to where they pointed before the transaction."""
    undo = transaction.get("undo")
    promotion.restore_aliases(undo["session"], undo["name"], undo["aliases"])


@task(task_run_name="check {candidate.spec.name}@champion", **STEP)
def post_check(session: Session, candidate: Candidate) -> str:
    """Load the new champion by its alias and ask it; the answer is what is wrong, if anything."""
    try:
        promotion.post_check(session, candidate)
    except PostCheckFailed as error:
        return str(error)
    return ""


def _promote(session: Session, spec: Any) -> Outcome:
    candidate = register_candidate(session, spec)
    rulings = apply_gates(session, candidate)
    if not all(ruling.passed for ruling in rulings):
        return promotion.conclude(session, candidate, rulings, "held")
    if promotion.is_champion(session, candidate):
        return promotion.conclude(session, candidate, rulings, "champion")
    aliases = promotion.aliases_of(session, spec.name)
    try:
        with transaction() as opened:
            opened.set("undo", {"session": session, "name": spec.name, "aliases": aliases})
            move_aliases(session, candidate)
            problem = post_check(session, candidate)
            if problem:
                raise PostCheckFailed(problem)
    except PostCheckFailed as error:
        return promotion.conclude(session, candidate, rulings, "rolled back", str(error))
    return promotion.conclude(session, candidate, rulings, "promoted")


@flow(name="promote", persist_result=False, validate_parameters=False)
def promote(plan: Plan) -> list[Outcome]:
    """Register, judge and promote every model of `registry.models`."""
    with promotion.session(plan) as session:
        outcomes = [_promote(session, spec) for spec in plan.registry.models]
    get_run_logger().info("Registry:\n%s", table(outcomes))
    return outcomes


def promote_models(root: Path | str = ".") -> list[Outcome]:
    """Promote what the pipeline made; a subflow where it is called from a flow.

    With nothing new since the last time neither a flow run is created nor MLflow imported. A store that
    does not answer stops nothing: the outcomes are `pending`, and the next call makes up for it.

    Raises:
        UserError: params.yaml, dvc.lock or a model is not as it must be.
    """
    plan = promotion.read_plan(root)
    known = promotion.recall_outcomes(plan)
    sent = send_pending(plan.root, plan.registry.experiment)
    if known is not None:
        return known
    if sent.problem:
        # Found before the flow run exists, so that no failed run and no traceback tells of it.
        return promotion.pending(plan, sent.problem)
    try:
        return promote(plan)
    except TrackingUnreachable as error:
        return promotion.pending(plan, str(error))
