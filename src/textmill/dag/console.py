"""What a person sees of a run: a line when a stage starts, a line when it ends, and why a stage is stale."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from textmill.dag.plan import Plan, Step
from textmill.dag.run import Outcome, run_all, session

_MARKS = {"ran": "done", "restored": "restored from cache", "cached": "unchanged", "skipped": "skipped"}


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``0.4 s``, ``12 s``, ``3 min 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


class Console:
    """Prints the progress of a run to stderr; safe to call from several threads."""

    def __init__(self, plan: Plan):
        self._plan = plan
        self._expected = plan.behind(step.name for step in plan.stale)
        self._seen = 0
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def opened(self) -> None:
        """Say how much there is to do."""
        total, stale = len(self._plan.steps), len(self._plan.stale)
        if not stale:
            self._say(f"Nothing to do: all {total} stages are up to date.")
            return
        behind = len(self._expected) - stale
        more = f", {behind} more depend on them" if behind else ""
        self._say(f"{stale} of {total} stages are stale{more}.")

    def started(self, step: Step) -> None:
        """A stage begins."""
        self._say(f"▶ {step.name}")

    def ended(self, outcome: Outcome) -> None:
        """A stage has ended; those that were never expected to run are not mentioned."""
        if outcome.name not in self._expected:
            return
        with self._lock:
            self._seen += 1
            count = f"[{self._seen}/{len(self._expected)}]"
        if outcome.status == "failed":
            self._say(f"✗ {outcome.name} failed after {duration(outcome.seconds)} {count}")
        elif outcome.status == "skipped":
            self._say(f"· {outcome.name} skipped: it needs a stage that failed {count}")
        else:
            took = f" in {duration(outcome.seconds)}" if outcome.changed else ""
            self._say(
                f"{'✔' if outcome.changed else '='} {outcome.name} {_MARKS[outcome.status]}{took} {count}"
            )

    def closed(self, outcomes: Sequence[Outcome]) -> bool:
        """Say how it went, with the error of each stage that failed; True when all went well."""
        failed = [outcome for outcome in outcomes if outcome.status == "failed"]
        skipped = sum(outcome.status == "skipped" for outcome in outcomes)
        for outcome in failed:
            self._say(f"\n{outcome.name}: error: {outcome.error}")
        took = duration(time.monotonic() - self._begun)
        if failed:
            more = (
                f"; {skipped} that need {'it' if len(failed) == 1 else 'them'} were skipped"
                if skipped
                else ""
            )
            self._say(
                f"\n{len(failed)} of {len(outcomes)} stages failed{more}, after {took}. What is finished is "
                "kept: correct the cause and run the same command again."
            )
        elif self._expected:
            ran = sum(outcome.status == "ran" for outcome in outcomes)
            restored = sum(outcome.status == "restored" for outcome in outcomes)
            more = f", {restored} restored from cache" if restored else ""
            self._say(f"All {len(outcomes)} stages are up to date: {ran} ran{more}, in {took}.")
        return not failed

    def _say(self, text: str) -> None:
        with self._lock:
            print(text, file=sys.stderr, flush=True)


def run_command(targets: Sequence[str] = ()) -> int:
    """``textmill run``: bring `targets` (all when empty) up to date without Prefect; the exit status.

    Raises:
        UserError: as `textmill.dag.run.session`.
    """
    with session(targets=targets) as current:
        console = Console(current.plan)
        console.opened()
        outcomes = run_all(current, console.started, console.ended)
        return 0 if console.closed(outcomes) else 1


def plan_command(targets: Sequence[str] = ()) -> int:
    """``textmill plan``: print what is stale and why; 0 when nothing is, else 1.

    Raises:
        UserError: dvc.yaml, dvc.lock or params.yaml cannot be used.
    """
    from textmill.dag.plan import make_plan
    from textmill.dag.repository import WORKPLACE, keep_quiet, open_repository

    keep_quiet(Path(WORKPLACE) / "logs" / "dvc.log")
    plan = make_plan(open_repository())
    plan = plan.before(targets) if targets else plan
    print(plan_table(plan))
    return 1 if plan.stale else 0


def plan_table(plan: Plan) -> str:
    """The stages that will or may run, one line each, and why."""
    stale = {step.name for step in plan.stale}
    if not stale:
        return f"All {len(plan.steps)} stages are up to date."
    expected = plan.behind(stale)
    width = max(len(name) for name in expected)
    lines = []
    for step in plan.steps:
        if step.name in stale:
            lines.append(f"{step.name:<{width}}  stale   {step.reasons[0]}")
            lines.extend(f"{'':<{width}}          {reason}" for reason in step.reasons[1:4])
            if len(step.reasons) > 4:
                lines.append(f"{'':<{width}}          and {len(step.reasons) - 4} more changes")
        elif step.name in expected:
            causes = ", ".join(name for name in step.upstream if name in expected)
            lines.append(f"{step.name:<{width}}  maybe   reads what {causes} will write")
    fresh = len(plan.steps) - len(expected)
    lines.append(f"\n{len(stale)} stale, {len(expected) - len(stale)} behind them, {fresh} up to date.")
    return "\n".join(lines)
