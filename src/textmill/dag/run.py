"""Execute stages on DVC: side by side under their slots, each committed to dvc.lock as it ends."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from textmill.dag import lockfile
from textmill.dag.aftercare import mend
from textmill.dag.plan import Plan, Step, make_plan
from textmill.dag.repository import WORKPLACE, explained, keep_quiet, open_repository
from textmill.dag.slots import Slots, cores
from textmill.errors import UserError

if TYPE_CHECKING:
    from dvc.repo import Repo

Status = Literal["ran", "restored", "cached", "failed", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    `status` is ``ran`` (its command was executed), ``restored`` (its outs came from DVC's run cache),
    ``cached`` (nothing to do), ``failed`` or ``skipped`` (something upstream failed).
    """

    name: str
    status: Status
    seconds: float = 0.0
    error: str = ""

    @property
    def good(self) -> bool:
        """Whether the step's outs are in place."""
        return self.status in ("ran", "restored", "cached")

    @property
    def changed(self) -> bool:
        """Whether the step wrote outs, so that those who read them have to look again."""
        return self.status in ("ran", "restored")


class Session:
    """One run of the DAG in one checkout; made by `session`."""

    def __init__(self, root: Path, plan: Plan, order: Sequence[str], total_slots: int):
        self.root, self.plan = root, plan
        self.slots = Slots(total_slots)
        self._order = tuple(order)
        self._local = threading.local()
        self._turn = threading.Lock()
        self._errors = root / WORKPLACE / "run" / "errors"
        self._errors.mkdir(parents=True, exist_ok=True)

    def execute(
        self, step: Step, upstream: Sequence[Outcome], started: Callable[[Step], None] | None = None
    ) -> Outcome:
        """Bring one step up to date; safe to call from several threads, each step behind its upstream.

        Args:
            step: a step of the session's plan.
            upstream: the outcomes of the steps it reads from.
            started: called when the step has its slots and is about to be looked at by DVC.
        """
        if not all(outcome.good for outcome in upstream):
            return Outcome(step.name, "skipped")
        if not step.stale and not any(outcome.changed for outcome in upstream):
            return Outcome(step.name, "cached")
        # What most others wait for goes first, so that the cores stay busy to the end.
        with self.slots.holding(step.slots, priority=len(self.plan.behind([step.name]))):
            begun = time.monotonic()
            if started is not None:
                started(step)
            status, error = self._reproduce(step)
            return Outcome(step.name, status, time.monotonic() - begun, error)

    def _reproduce(self, step: Step) -> tuple[Status, str]:
        message = self._errors / (re.sub(r"[^\w.@-]", "_", step.name) + ".txt")
        message.unlink(missing_ok=True)
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "TEXTMILL_DRIVER": str(os.getpid()),
            "TEXTMILL_ERROR_FILE": str(message),
            "TEXTMILL_PROGRESS": "lines",
        }
        try:
            repo = self._repository()
            done = repo.reproduce(
                targets=[step.name], single_item=True, repro_fn=self._reproduce_stage, run_env=environment
            )
        # DVC, its plugins and the file system raise errors of many kinds; each is the stage's outcome.
        except Exception as error:
            return "failed", _failure(error, message)
        if not done:
            return "cached", ""
        return ("restored" if step.name in repo.stage_cache.restored else "ran"), ""

    def _reproduce_stage(self, stage: Any, **kwargs: Any) -> Any:
        """What DVC does with one stage, except that dvc.lock is replaced at once and in order."""
        from dvc.stage import PipelineStage
        from dvc.stage.serialize import to_lockfile
        from dvc.utils.serialize import dumps_yaml

        done = stage.reproduce(**kwargs)
        if not done:
            return done
        if not isinstance(stage, PipelineStage):
            stage.dump(update_pipeline=False)
            return done
        printed = dumps_yaml({"schema": "2.0", "stages": to_lockfile(stage)})
        lockfile.put(lockfile.lock_file(self.root), printed, self._order)
        stage.repo.scm_context.track_file("dvc.lock")
        return done

    def _repository(self) -> Repo:
        """This thread's own repository: DVC's is not safe to share."""
        if not hasattr(self._local, "repo"):
            self._local.repo = open_repository(self.root, self._turn)
            self._local.repo.stage_cache = _noting_restores(self._local.repo)
        return self._local.repo


def _noting_restores(repo: Repo) -> Any:
    from dvc.stage.cache import StageCache

    class NotingStageCache(StageCache):
        """Remembers which stages were brought back from the run cache."""

        def __init__(self, repo: Repo):
            super().__init__(repo)
            self.restored: set[str] = set()

        def restore(self, stage: Any, *args: Any, **kwargs: Any) -> None:
            self.restored.discard(stage.addressing)
            super().restore(stage, *args, **kwargs)
            self.restored.add(stage.addressing)

    return NotingStageCache(repo)


def _failure(error: Exception, message: Path) -> str:
    """One paragraph: what the stage itself said, else what DVC says."""
    from dvc.stage.exceptions import StageCmdFailedError

    if message.exists():
        return message.read_text(encoding="utf-8").strip()
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, StageCmdFailedError):
        cause = cause.__cause__
    if cause is None:
        return explained(error)
    text = str(cause)
    code = re.search(r"exited with (-?\d+)", text)
    if code and int(code[1]) in (-9, 137):
        return f"{text}: the process was killed (SIGKILL), most often because memory ran out"
    return text


@contextmanager
def session(root: str | os.PathLike[str] = ".", targets: Sequence[str] = ()) -> Iterator[Session]:
    """Open the checkout at `root` for one run; mends first what a killed run left.

    The working directory is `root` until the run ends.

    Args:
        root: the repository root.
        targets: stages to bring up to date with what they need; all stages when empty.

    Raises:
        UserError: another run is in progress here, or dvc.yaml, dvc.lock or params.yaml cannot be used.
    """
    base = Path(root).resolve()
    run = base / WORKPLACE / "run"
    run.mkdir(parents=True, exist_ok=True)
    # DVC names stages and files relative to the working directory.
    with _alone(run / "session.lock"), chdir(base):
        keep_quiet(base / WORKPLACE / "logs" / "dvc.log")
        mend(base)
        whole = make_plan(open_repository(base))
        plan = whole.before(targets) if targets else whole
        memory = run / "lock_order.json"
        order = lockfile.target_order(lockfile.lock_file(base), [step.name for step in whole.steps], memory)
        try:
            yield Session(base, plan, order, cores())
        finally:
            lockfile.settle(lockfile.lock_file(base), order, memory)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel drops with this process, so that a kill leaves none behind."""
    with path.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            try:
                owner = json.loads(held.read())
            except json.JSONDecodeError:
                owner = {}
            raise UserError(
                f"Another run is in progress in this checkout (process {owner.get('pid', 'unknown')}, "
                f"since {owner.get('since', 'just now')}). Wait for it to end, or stop it, and run the same "
                "command again."
            ) from None
        held.truncate(0)
        held.write(json.dumps({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}))
        held.flush()
        yield


def run_all(
    current: Session,
    started: Callable[[Step], None] | None = None,
    ended: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Bring every step of the session's plan up to date without Prefect; a failure stops only what needs it.

    Args:
        current: an open session.
        started: called when a step begins; may be called from any thread.
        ended: called when a step has ended; may be called from any thread.

    Returns:
        The outcomes in the order of the plan.
    """
    futures: dict[str, Future[Outcome]] = {}

    def bring(step: Step) -> Outcome:
        outcome = current.execute(step, [futures[name].result() for name in step.upstream], started)
        if ended is not None:
            ended(outcome)
        return outcome

    # Steps are submitted behind their upstream, so a waiting thread waits only for work that already has one.
    with ThreadPoolExecutor(max_workers=min(64, max(1, len(current.plan.steps)))) as pool:
        try:
            for step in current.plan.steps:
                futures[step.name] = pool.submit(bring, step)
            return [future.result() for future in futures.values()]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
