"""Settings of one process for fast and repeatable training."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from textmill.allocator import tune_allocator
from textmill.errors import UserError
from textmill.training.sharding import shard


def prepare(threads: int, seed: int) -> None:
    """Tune the allocator, use `threads` threads, seed torch and demand deterministic kernels."""
    tune_allocator()
    # cuBLAS has deterministic kernels only with a workspace of a stated size; it is read at first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    # Otherwise every new tensor is first filled with NaN, a fifth of a step's time; no kernel reads such memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def autocast(precision: str, device: str) -> contextlib.AbstractContextManager[Any]:
    """A context in which matrix products on `device` run in `precision`: ``bf16``, or ``fp32`` for none."""
    import torch

    if precision == "bf16":
        return torch.autocast(device, torch.bfloat16)
    return contextlib.nullcontext()


def placed(model: Any, device: str) -> Any:
    """`model` on `device`, its weights divided among processes where they train in that way.

    Raises:
        UserError: it is ``cuda`` and there is no such device here.
    """
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "params.yaml asks for device: cuda, but torch finds no CUDA device here. Set device: cpu, or "
            "install a CUDA build of torch on a machine with a GPU."
        )
    return shard(model.to(device))


def peak_memory_bytes() -> int:
    """The largest resident size this process has had."""
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def free_cached_memory() -> None:
    """Give back what torch keeps for later on a CUDA device."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
