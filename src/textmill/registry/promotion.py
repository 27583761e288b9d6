"""Register, judge, and promote: the steps, and all of them in a row without Prefect."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textmill.config.gates import Gates, ModelGates
from textmill.config.load import load_section, read_params
from textmill.config.registry import RegisteredModel, Registry
from textmill.errors import UserError
from textmill.registry import versions
from textmill.registry.candidate import (
    CANDIDATE,
    CHAMPION,
    PREVIOUS,
    Candidate,
    enter,
    gather,
    smoke_inputs,
)
from textmill.registry.describe import describe, figure, version_tags
from textmill.registry.gates import Ruling, judge
from textmill.registry.manifest import producer_of
from textmill.registry.outcome import Outcome, Status
from textmill.registry.record import fingerprint, recall, remember
from textmill.registry.smoke import smoke_test
from textmill.tracking.lockfile import Lock, read_lock
from textmill.tracking.runs import own_model
from textmill.tracking.send import send_pending
from textmill.tracking.store import TrackingUnreachable, connected, tracking_uri


@dataclass(frozen=True)
class Plan:
    """What params.yaml and dvc.lock ask for."""

    root: Path
    registry: Registry
    gates: Gates
    lock: Lock
    seed: int


@dataclass(frozen=True)
class Session:
    """A plan and an open client to carry it out."""

    plan: Plan
    client: Any


class PostCheckFailed(UserError):
    """The new champion does not answer when it is loaded by its alias."""


def read_plan(root: Path | str = ".") -> Plan:
    """Read the sections `registry` and `gates` of params.yaml, and dvc.lock.

    Raises:
        UserError: a section is wrong, `gates.models` names a model that is not registered, or no stage of
            dvc.lock made a model or its report.
    """
    root = Path(root)
    path = root / "params.yaml"
    registry = load_section(Registry, "registry", path)
    gates = load_section(Gates, "gates", path)
    known = [spec.name for spec in registry.models]
    for name in gates.models:
        if name not in known:
            raise UserError(
                f"{path}: gates.models.{name}: no such name in registry.models; known: {', '.join(known)}."
            )
    lock = read_lock(root)
    for spec in registry.models:
        producer_of(lock, spec, spec.path)
        producer_of(lock, spec, spec.report)
    return Plan(root, registry, gates, lock, int(read_params(path).get("seed", 0)))


def recall_outcomes(plan: Plan) -> list[Outcome] | None:
    """The outcomes of the last time if nothing changed since, without importing MLflow; else None."""
    return recall(plan.root, tracking_uri(plan.root), plan.registry.models, plan.gates, plan.lock)


@contextlib.contextmanager
def session(plan: Plan) -> Iterator[Session]:
    """Send what tracking still owes, then open the registry; one process at a time per repository.

    Raises:
        TrackingUnreachable: the store cannot be reached.
    """
    folder = plan.root / ".textmill"
    folder.mkdir(exist_ok=True)
    with (folder / "registry.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        sent = send_pending(plan.root, plan.registry.experiment)
        if sent.problem:
            raise TrackingUnreachable(f"MLflow at {tracking_uri(plan.root)} cannot be used: {sent.problem}")
        with connected(plan.root) as client:
            yield Session(plan, client)


def enter_candidate(session: Session, spec: RegisteredModel) -> Candidate:
    """Register one model as `candidate`."""
    return enter(session.client, session.plan.root, spec, session.plan.lock)


def rule(session: Session, candidate: Candidate) -> list[Ruling]:
    """Apply the gates to a candidate and write verdict, reasons and figures to its version."""
    plan, client, version = session.plan, session.client, candidate.version
    evidence = gather(client, plan.root, candidate, plan.gates, plan.seed)
    rulings = judge(evidence, plan.gates, plan.gates.models.get(candidate.spec.name, ModelGates()))
    text = describe(candidate.spec.card, candidate.report, rulings, candidate.manifest)
    client.update_model_version(version.name, version.number, description=text)
    for key, value in version_tags(rulings, candidate.manifest, candidate.report).items():
        client.set_model_version_tag(version.name, version.number, key, value)
    return rulings


def aliases_of(session: Session, name: str) -> dict[str, str]:
    """Where the aliases of a registered model point: alias to version number."""
    found = session.client.get_registered_model(name).aliases
    return {alias: str(number) for alias, number in found.items()}


def move_aliases(session: Session, candidate: Candidate) -> None:
    """`previous` ← champion, `champion` ← candidate; the candidate is one no longer."""
    client, name, number = session.client, candidate.spec.name, candidate.version.number
    before = aliases_of(session, name)
    if before.get(CHAMPION) not in (None, number):
        client.set_registered_model_alias(name, PREVIOUS, before[CHAMPION])
    client.set_registered_model_alias(name, CHAMPION, number)
    if before.get(CANDIDATE) == number:
        client.delete_registered_model_alias(name, CANDIDATE)


def restore_aliases(session: Session, name: str, before: dict[str, str]) -> None:
    """Put the aliases of a registered model back to `before`."""
    for alias, number in before.items():
        session.client.set_registered_model_alias(name, alias, number)
    for alias in (CHAMPION, PREVIOUS, CANDIDATE):
        if alias not in before and alias in aliases_of(session, name):
            session.client.delete_registered_model_alias(name, alias)


def post_check(session: Session, candidate: Candidate) -> None:
    """Load the champion by its alias and ask it.

    Raises:
        PostCheckFailed: the alias points elsewhere, or the model does not load and answer.
    """
    name, number = candidate.spec.name, candidate.version.number
    found = versions.by_alias(session.client, name, CHAMPION)
    problem = (
        ""
        if found and found.number == number
        else f"the alias points to version {found.number if found else 'none'}"
    )
    problem = problem or smoke_test(f"models:/{name}@{CHAMPION}", smoke_inputs(candidate, session.plan.gates))
    if problem:
        raise PostCheckFailed(
            f"{name} version {number}: check after promotion: {problem}; the aliases are as before."
        )


def crown(session: Session, candidate: Candidate) -> None:
    """Promote in one transaction: move the aliases, check, and put them back if the check fails.

    Raises:
        PostCheckFailed: the check failed; the aliases are as they were.
    """
    before = aliases_of(session, candidate.spec.name)
    try:
        move_aliases(session, candidate)
        post_check(session, candidate)
    except BaseException:
        restore_aliases(session, candidate.spec.name, before)
        raise


def conclude(
    session: Session, candidate: Candidate, rulings: list[Ruling], status: Status, problem: str = ""
) -> Outcome:
    """The outcome of one model, recorded so that the same is not judged twice."""
    name, plan = candidate.spec.name, session.plan
    aliases = aliases_of(session, name)
    reasons = [f"{ruling.gate}: {ruling.reason}" for ruling in rulings if not ruling.passed]
    if status == "held" and aliases.get(CHAMPION) == candidate.version.number:
        reasons.append("it was promoted before these gates; it stays champion until another passes them")
    figures = candidate.report["models"][own_model(candidate.report)]["metrics"]
    outcome = Outcome(
        model=name,
        version=candidate.version.number,
        status=status,
        metrics={metric: figure(values) for metric, values in figures.items()},
        reasons=[*reasons, *([problem] if problem else [])],
        champion=aliases.get(CHAMPION, ""),
    )
    if status != "rolled back":
        mark = fingerprint(candidate.spec, plan.gates, plan.lock)
        remember(plan.root, tracking_uri(plan.root), name, mark, aliases, outcome)
    return outcome


def is_champion(session: Session, candidate: Candidate) -> bool:
    """Whether the candidate's version is champion already."""
    return aliases_of(session, candidate.spec.name).get(CHAMPION) == candidate.version.number


def promote(session: Session, spec: RegisteredModel) -> Outcome:
    """Register one model, judge it, and promote it if every gate passes."""
    candidate = enter_candidate(session, spec)
    rulings = rule(session, candidate)
    if not all(ruling.passed for ruling in rulings):
        return conclude(session, candidate, rulings, "held")
    if is_champion(session, candidate):
        return conclude(session, candidate, rulings, "champion")
    try:
        crown(session, candidate)
    except PostCheckFailed as error:
        return conclude(session, candidate, rulings, "rolled back", str(error))
    return conclude(session, candidate, rulings, "promoted")


def register(root: Path | str = ".") -> list[Outcome]:
    """Register, judge and promote every model of `registry.models`, without Prefect.

    Idempotent: the same model bytes give the same version, and nothing is judged twice unless the
    model, its data, its gates or the registry itself changed.

    Raises:
        UserError: params.yaml, dvc.lock or a model is not as it must be.
        TrackingUnreachable: the MLflow server does not answer.
    """
    plan = read_plan(root)
    known = recall_outcomes(plan)
    if known is not None:
        send_pending(plan.root, plan.registry.experiment)
        return known
    with session(plan) as opened:
        return [promote(opened, spec) for spec in plan.registry.models]


def pending(plan: Plan, reason: str) -> list[Outcome]:
    """The outcomes while the store cannot be reached: registration is made up for by the next run."""
    return [Outcome(spec.name, "", "pending", reasons=[reason]) for spec in plan.registry.models]
