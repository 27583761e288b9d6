"""Muon where several processes train: each orthogonalises some of the matrices, and all take the same step.

The update of a matrix needs the whole matrix, so divided momentum is gathered first. The Newton-Schulz
iteration is that of `torch.optim.Muon`, so that the step has the bits of one process's step.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from textmill.training.ranks import place
from textmill.training.sharding import divided_like, whole


@cache
def divided_muon() -> Any:
    """The optimizer class, with the arguments of `torch.optim.Muon`."""
    import torch
    import torch.distributed as dist
    from torch.optim._muon import _adjust_lr, _zeropower_via_newtonschulz

    class DividedMuon(torch.optim.Muon):
        """Muon (Jordan 2024) for weights that are the same in, or divided among, all processes."""

        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            """One step; every process calls it at once. No closure is taken."""
            for group in self.param_groups:
                weights = [weight for weight in group["params"] if weight.grad is not None]
                updates = [self._update(weight, group) for weight in weights]
                for number, update in enumerate(updates):
                    updates[number] = self._turned(number, update, group)
                pending = [
                    dist.broadcast(update, src=number % place().size, async_op=True)
                    for number, update in enumerate(updates)
                ]
                for weight, update, broadcast in zip(weights, updates, pending, strict=True):
                    broadcast.wait()
                    rate = _adjust_lr(group["lr"], group["adjust_lr_fn"], weight.shape)
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(divided_like(weight, update), alpha=-rate)

        def _turned(self, number: int, update: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
            """The orthogonal matrix next to `update`, or room for it where another process computes it."""
            if number % place().size != place().rank:
                return torch.empty(update.shape, dtype=torch.bfloat16, device=update.device)
            return _zeropower_via_newtonschulz(
                update, group["ns_coefficients"], group["ns_steps"], group["eps"]
            ).contiguous()

        def _update(self, weight: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
            """The whole momentum of `weight`, looked ahead as Nesterov's is."""
            state, gradient = self.state[weight], weight.grad
            assert gradient is not None
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(gradient)
            state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
            return whole(gradient.lerp(state["momentum_buffer"], group["momentum"]))

    return DividedMuon
