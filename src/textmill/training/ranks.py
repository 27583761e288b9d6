"""The place of this process among those that train one model together, and what they tell each other.

With one process every function here gives back what it was given.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

BUCKET_BYTES = 25 * 2**20
"""Gradients are exchanged in flat blocks of about this size."""


@dataclass(frozen=True)
class Place:
    """Attributes: rank from 0, number of processes, and whether weights are divided among them."""

    rank: int = 0
    size: int = 1
    is_sharded: bool = False

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0


_place = Place()


def place() -> Place:
    """Of this process; the only one until `join`."""
    return _place


def join(launcher: str, device: str) -> None:
    """Meet the other processes that torchrun has started (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT).

    Args:
        launcher: ``ddp`` or ``fsdp``.
        device: ``cpu`` (gloo) or ``cuda`` (nccl, each process on the device of its LOCAL_RANK).
    """
    global _place
    import atexit

    import torch
    import torch.distributed as dist

    if device == "cuda" and torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    _place = Place(dist.get_rank(), dist.get_world_size(), launcher == "fsdp")


def step_seed(seed: int) -> int:
    """The seed of a step's dropout for this process; that of the step for the first."""
    return (seed + _place.rank * 0x9E3779B97F4A7C15) % 2**63


def summed(values: Sequence[float]) -> list[float]:
    """Elementwise sums over all processes, in double precision."""
    if _place.size == 1:
        return list(values)
    import torch
    import torch.distributed as dist

    total = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(total)
    return total.tolist()


def of_first(value: Any) -> Any:
    """What the first process has for `value` (anything that pickles), in all processes."""
    if _place.size == 1:
        return value
    import torch.distributed as dist

    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def tensors_of_first(tensors: dict[str, torch.Tensor] | None) -> dict[str, torch.Tensor]:
    """Named CPU tensors that the first process has; the others give None."""
    if _place.size == 1:
        assert tensors is not None
        return tensors
    import torch
    import torch.distributed as dist

    shapes = {name: (tensor.shape, tensor.dtype) for name, tensor in (tensors or {}).items()}
    received = {}
    for name, (shape, dtype) in of_first(shapes).items():
        tensor = tensors[name].contiguous() if tensors else torch.empty(shape, dtype=dtype)
        dist.broadcast(tensor, src=0)
        received[name] = tensor
    return received


def sum_gradients(weights: Sequence[torch.nn.Parameter]) -> None:
    """Add up the gradients of all processes, in place; a weight without one counts as zeros.

    This is what DistributedDataParallel does (Li et al. 2020), but in blocks that are the same in every step:
    its blocks change after the first one, so that a resumed run of three or more processes would add in
    another order. And no process enters it before all have their gradients, so that one that is out of memory
    can say so. Sharded weights are summed by FSDP itself.
    """
    if _place.size == 1 or _place.is_sharded:
        return
    import torch
    import torch.distributed as dist

    for weight in weights:
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    blocks = [
        torch.cat([gradient.flatten() for gradient in bucket])
        for bucket in _buckets([weight.grad for weight in weights if weight.grad is not None])
    ]
    for pending in [dist.all_reduce(block, async_op=True) for block in blocks]:
        pending.wait()
    left = iter(torch.cat(blocks).split([weight.numel() for weight in weights]))
    for weight in weights:
        weight.grad = next(left).view_as(weight)


def _buckets(gradients: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    buckets: list[list[torch.Tensor]] = [[]]
    size = 0
    for gradient in gradients:
        if buckets[-1] and size + gradient.nbytes > BUCKET_BYTES:
            buckets.append([])
            size = 0
        buckets[-1].append(gradient)
        size += gradient.nbytes
    return buckets
