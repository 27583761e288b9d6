"""Weights divided among processes: PyTorch's FSDP2 (Zhao et al. 2023) around a Hugging Face model.

Everything here gives back what it was given when weights are not divided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from textmill.training.ranks import place

if TYPE_CHECKING:
    import torch

Result = TypeVar("Result")


def shard(model: Any) -> Any:
    """Divide the weights of `model` in place: every layer is gathered for itself, the rest together.

    Gradients are summed, not averaged, over processes: losses are already shares of the global batch.
    """
    if not place().is_sharded:
        return model
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    mesh = init_device_mesh(model.device.type, (place().size,))
    for layer in layers(model):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)
    return model


def layers(model: torch.nn.Module) -> list[torch.nn.Module]:
    """Members of the outermost module lists."""
    import torch

    found: list[torch.nn.Module] = []
    for child in model.children():
        found += list(child) if isinstance(child, torch.nn.ModuleList) else layers(child)
    return [layer for layer in found if next(layer.parameters(), None) is not None]


def asked(model: Any, question: Callable[[], Result]) -> Result:
    """Call `question`, which calls parts of `model`, with the weights outside of layers gathered for it."""
    if not place().is_sharded:
        return question()
    if not hasattr(model, "answer_with_whole_weights"):
        from torch.distributed.fsdp import register_fsdp_forward_method

        type(model).answer_with_whole_weights = lambda _, question: question()
        register_fsdp_forward_method(model, "answer_with_whole_weights")
    return model.answer_with_whole_weights(question)


def released(model: Any) -> None:
    """Give up gathered weights, which go stale when others are put in their place."""
    if place().is_sharded:
        model.reshard()


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a divided tensor; every process must ask for it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor  # type: ignore[operator]


def divided_like(like: torch.Tensor, tensor: torch.Tensor) -> torch.Tensor:
    """The whole `tensor`, which all processes have, divided as `like` is."""
    if not hasattr(like, "full_tensor") or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    spec: Any = like
    return distribute_tensor(tensor.to(like.device), spec.device_mesh, spec.placements, src_data_rank=None)


def all_divided_like(
    likes: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """`divided_like` by name."""
    return {name: divided_like(likes[name], tensor) for name, tensor in tensors.items()}


def unshard(model: Any) -> None:
    """Leave `model` the plain module it was, with whole weights, in every process."""
    if not place().is_sharded:
        return
    import torch
    from torch.distributed.fsdp import FSDPModule

    model.reshard()
    done: dict[int, torch.nn.Parameter] = {}
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if id(weight) not in done:
                done[id(weight)] = torch.nn.Parameter(
                    whole(weight.detach()).clone(), requires_grad=weight.requires_grad
                )
            module._parameters[name] = done[id(weight)]
        if isinstance(module, FSDPModule):
            kind: Any = type(module).__mro__[2]
            module.__class__ = kind
