"""Start the processes of a stage by torchrun, or take a place among them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from textmill.config.train import Train
from textmill.errors import UserError
from textmill.training.ranks import join


def is_rank() -> bool:
    """Whether torchrun started this process (by `run_by_others`, or by hand)."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def run_by_others(train: Train, device: str, threads: int, module: str, arguments: Sequence[str]) -> bool:
    """Have ``python -m module arguments`` run in as many processes as `train` says, and wait for them.

    Args:
        train: how many, and how they share the work.
        device: ``cpu`` or ``cuda``.
        threads: CPU threads of each process.
        module: of the stage; it must call this function too, and go on where it returns False.
        arguments: for it.

    Returns:
        True when they did the work. False when this process is to do it: it is the only one, or one of them
        and has met the others.

    Raises:
        UserError: a process was killed, or torchrun was told another number of processes by hand.
        SystemExit: with 2 when they said what the user's mistake is.
    """
    if train.launcher == "single":
        return False
    if is_rank():
        if int(os.environ["WORLD_SIZE"]) != train.size:
            raise UserError(
                f"params.yaml: train: processes times nodes is {train.size}; torchrun started "
                f"{os.environ['WORLD_SIZE']}. Start as many, or change train."
            )
        join(train.launcher, device)
        return False
    os.environ["OMP_NUM_THREADS"] = str(threads)
    # Ranks follow this process as stages follow the driver of the DAG: none outlives it.
    os.environ["TEXTMILL_DRIVER"] = str(os.getpid())
    _torchrun([*_settings(train), "-m", module, *arguments])
    return True


def _settings(train: Train) -> list[str]:
    each = f"--nproc-per-node={train.processes}"
    if train.nodes == 1:
        return ["--standalone", each]
    return [
        f"--nnodes={train.nodes}", each, "--rdzv-backend=c10d", f"--rdzv-endpoint={train.rendezvous}",
        "--rdzv-id=textmill",
    ]  # fmt: skip


def _torchrun(command: list[str]) -> None:
    import logging

    # Its reports on failures end in a traceback of its own; ours name the cause.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    from torch.distributed import run
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    try:
        run.run(run.parse_args(command))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        _report(rank, failure, error)


def _report(rank: int, failure: Any, error: BaseException) -> None:
    import signal

    if failure.exitcode == 2:
        raise SystemExit(2) from None
    if failure.exitcode < 0:
        name = signal.Signals(-failure.exitcode).name
        raise UserError(
            f"process {rank} of those that train was ended by {name}, so the others were stopped. The same "
            "command goes on from the last checkpoint. If it was memory, lower rows_at_once or processes."
        ) from None
    raise RuntimeError(f"process {rank} failed with exit status {failure.exitcode}; see above") from error
