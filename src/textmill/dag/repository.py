"""A DVC repository, opened in this process and kept quiet."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textmill.errors import UserError

if TYPE_CHECKING:
    from dvc.repo import Repo

WORKPLACE = ".textmill"


def open_repository(root: str | os.PathLike[str] = ".", turn: threading.Lock | None = None) -> Repo:
    """Open the DVC repository at `root`. It waits for DVC's lock instead of failing on it.

    Args:
        root: the repository root.
        turn: shared by the threads of a process, each of which opens the repository for itself: they then
            hand DVC's lock on at once, where DVC would look for it twice a second.

    Raises:
        UserError: there is no DVC repository.
    """
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    try:
        repo = Repo(str(root), _wait_for_lock=True)
    except NotDvcRepoError:
        raise UserError(
            f"{Path(root).resolve()}: not a DVC repository. Run this in the repository root."
        ) from None
    if turn is not None:
        repo.lock = _in_turn(repo.lock.lockfile, turn)
    return repo


def _in_turn(path: str, turn: threading.Lock) -> Any:
    from dvc.lock import Lock

    class LockInTurn(Lock):
        """DVC's lock, behind a lock among the threads of this process."""

        def lock(self) -> None:
            turn.acquire()
            try:
                super().lock()
            except BaseException:
                turn.release()
                raise

        def unlock(self) -> None:
            super().unlock()
            turn.release()

    return LockInTurn(path, wait=True)


def keep_quiet(log: Path) -> None:
    """Send what DVC logs to the file `log` and keep its progress bars off the screen."""
    import dvc.logger  # noqa: F401

    # DVC installs handlers for the terminal when it is imported; they go.
    logger = logging.getLogger("dvc")
    if any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
        return
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    log.parent.mkdir(parents=True, exist_ok=True)
    file = logging.FileHandler(log, encoding="utf-8", delay=True)
    file.setFormatter(logging.Formatter("%(asctime)s %(threadName)s %(levelname)s %(message)s"))
    logger.addHandler(file)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    for name in ("dvc.progress", "dvc_data", "dvc_objects", "dvc_task", "scmrepo"):
        quiet = logging.getLogger(name)
        quiet.propagate = False
        quiet.setLevel(logging.CRITICAL)


def explained(error: BaseException) -> str:
    """What a DVC error means, in one paragraph: the innermost cause that DVC names."""
    trail: list[Any] = [error]
    while trail[-1].__cause__ is not None and trail[-1].__cause__ not in trail:
        trail.append(trail[-1].__cause__)
    return " ".join(str(trail[-1]).split()) or type(trail[-1]).__name__
