"""Which optimizer moves which weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textmill.training.divided_muon import divided_muon
from textmill.training.ranks import place
from textmill.training.sharding import divided_like

if TYPE_CHECKING:
    import torch

EMBEDDINGS = (
    "embed", "shared", "wte", "wpe", "lm_head", "decoder.weight", "classifier", "relative_attention"
)  # fmt: skip


def adamw(model: torch.nn.Module, learning_rate: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """Fused AdamW (Loshchilov & Hutter 2019); matrices decay, vectors do not."""
    import torch

    weights = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return [torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.98), fused=True)]


def muon(
    model: torch.nn.Module, learning_rate: float, embedding_learning_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """Muon (Jordan 2024) for the hidden matrices, fused AdamW for embeddings, heads and vectors."""
    import torch

    queries, hidden, others = _rooms(model)
    optimizers: list[torch.optim.Optimizer] = []
    if others:
        rest: dict[str, Any] = {"lr": embedding_learning_rate, "betas": (0.9, 0.95), "weight_decay": 0.0}
        optimizers.append(torch.optim.AdamW(others, fused=True, **rest))
    groups: list[dict[str, Any]] = [
        {"params": hidden, "lr": learning_rate},
        {"params": queries, "lr": learning_rate * _query_scale(model)},
    ]
    groups = [group for group in groups if group["params"]]
    if groups:
        kind = torch.optim.Muon if place().size == 1 else divided_muon()
        optimizers.append(kind(groups, lr=learning_rate, momentum=0.95, weight_decay=weight_decay))
    return optimizers


def _rooms(model: torch.nn.Module) -> tuple[list[torch.nn.Parameter], ...]:
    """The query projections, the other hidden matrices, and everything else."""
    rooms: tuple[list[torch.nn.Parameter], ...] = ([], [], [])
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            is_hidden = weight.ndim == 2 and not any(part in name for part in EMBEDDINGS)
            rooms[2 if not is_hidden else 0 if name.endswith(".q.weight") else 1].append(weight)
    return rooms


def _query_scale(model: torch.nn.Module) -> float:
    """T5 does not divide attention scores by the square root of the head size; its small queries do.

    Muon's updates have one size whatever the weight's, so they need the same factor.
    """
    config: Any = getattr(model, "config", None)
    return config.d_kv**-0.5 if getattr(config, "model_type", "") == "t5" else 1.0


def set_factor(optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
    """Set every learning rate to `factor` times the one it was made with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def state_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """All running averages as one flat mapping; its names give `restore` their places."""
    import torch

    tensors: dict[str, torch.Tensor] = {}
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                tensors[f"{number}.{index}.{name}"] = torch.as_tensor(value)
    return tensors


def state_like(
    optimizers: Sequence[torch.optim.Optimizer], tensors: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """`state_tensors` of whole weights, divided as the optimizers' weights are."""
    weights = {
        (str(number), str(index)): weight
        for number, optimizer in enumerate(optimizers)
        for index, weight in enumerate(each for group in optimizer.param_groups for each in group["params"])
    }
    return {
        key: divided_like(weights[number, index], value)
        for key, value in tensors.items()
        for number, index, _ in (key.split("."),)
    }


def restore(optimizers: Sequence[torch.optim.Optimizer], tensors: dict[str, torch.Tensor]) -> None:
    """Put `state_tensors` back."""
    states: list[dict[int, dict[str, Any]]] = [{} for _ in optimizers]
    for key, value in tensors.items():
        number, index, name = key.split(".")
        states[int(number)].setdefault(int(index), {})[name] = value
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
