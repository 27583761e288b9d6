"""What is stale, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textmill.errors import UserError

if TYPE_CHECKING:
    from dvc.repo import Repo


@dataclass(frozen=True)
class Step:
    """A stage of dvc.yaml (or a .dvc file) and what the last run left of it."""

    name: str
    upstream: tuple[str, ...] = ()
    """Stages whose outs this one reads."""
    reasons: tuple[str, ...] = ()
    """Why it is stale; empty when its outs are those of its command, deps and params."""
    slots: int = 1
    """Cores it uses: ``meta.slots``."""
    training: bool = False
    """Whether it trains a model: ``meta.training``."""
    command: str = ""

    @property
    def stale(self) -> bool:
        """Whether the stage has to run, whatever its upstream does."""
        return bool(self.reasons)


@dataclass(frozen=True)
class Plan:
    """All steps, each behind its upstream, in the order in which `dvc repro` executes them."""

    steps: tuple[Step, ...]
    by_name: dict[str, Step] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {step.name: step for step in self.steps})

    @property
    def stale(self) -> tuple[Step, ...]:
        """The steps that have to run."""
        return tuple(step for step in self.steps if step.stale)

    def behind(self, names: Iterable[str]) -> set[str]:
        """`names` and every step that reads, directly or not, what they write."""
        found = set(names)
        for step in self.steps:
            if found.intersection(step.upstream):
                found.add(step.name)
        return found

    def before(self, names: Iterable[str]) -> Plan:
        """The part of the plan that `names` need, with them.

        Raises:
            UserError: a name is no stage.
        """
        wanted: set[str] = set()
        for name in names:
            wanted.update(self._matching(name))
        for step in reversed(self.steps):
            if step.name in wanted:
                wanted.update(step.upstream)
        return Plan(tuple(step for step in self.steps if step.name in wanted))

    def _matching(self, name: str) -> list[str]:
        found = [known for known in self.by_name if known == name or known.split("@")[0] == name]
        if not found:
            raise UserError(f"dvc.yaml: {name}: no such stage. Known here: {', '.join(self.by_name)}.")
        return found


def make_plan(repo: Repo, check: bool = True) -> Plan:
    """The steps of `repo`, with their edges, what they need and why they are stale.

    Args:
        repo: a repository of `textmill.dag.repository.open_repository`, whose root is the working directory.
        check: compare files with dvc.lock; without, every step passes for fresh.

    Raises:
        UserError: dvc.yaml, dvc.lock or params.yaml cannot be used; the message names the place.
    """
    from dvc.exceptions import DvcException
    from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro

    try:
        with repo.lock:
            graph = get_active_graph(repo.index.graph)
            stages = plan_repro(graph, collect_stages(repo, ["dvc.yaml"]))
            stages += [stage for stage in plan_repro(graph) if stage not in set(stages)]
        status = repo.status() if check else {}
    except DvcException as error:
        raise UserError(" ".join(str(error).split())) from error
    steps = []
    for stage in stages:
        meta = stage.meta if isinstance(stage.meta, dict) else {}
        steps.append(
            Step(
                name=stage.addressing,
                upstream=tuple(upstream.addressing for upstream in graph.successors(stage)),
                reasons=tuple(_reasons(status.get(stage.addressing, []))),
                slots=_slots(stage.addressing, meta),
                training=bool(meta.get("training", False)),
                command=str(stage.cmd or ""),
            )
        )
    return Plan(tuple(steps))


def _slots(name: str, meta: dict[str, Any]) -> int:
    slots = meta.get("slots", 1)
    if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
        raise UserError(f"dvc.yaml: {name}: meta.slots: expected an integer of at least 1, found {slots!r}.")
    return slots


def _reasons(entries: list[Any]) -> list[str]:
    """One line per change from an entry of `dvc status`."""
    reasons = []
    for entry in entries:
        if not isinstance(entry, dict):
            reasons.append("the command changed" if entry == "changed checksum" else str(entry))
            continue
        for what, changes in entry.items():
            for path, change in changes.items():
                reasons.extend(_reason(what, os.fspath(path), change))
    return reasons


def _reason(what: str, path: str, change: Any) -> list[str]:
    if isinstance(change, dict):
        return [f"{path}: {key} {_word(state)}" for key, state in change.items()]
    kind = "input" if what == "changed deps" else "output"
    return [f"{kind} {path} {_word(change)}"]


def _word(state: Any) -> str:
    words = {
        "not in cache": "is not in the cache",
        "deleted": "is missing",
        "new": "is new",
        "modified": "changed",
    }
    return words.get(str(state), str(state))
