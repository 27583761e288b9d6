"""How fast a run is, against what the machine can do: tokens per second, model FLOP utilization, energy.

Everything here depends on time and goes to the tracker only.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

_SIZE = 2048
_SECONDS = 0.3
_RAPL = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def flops_per_token(model: Any, context: int) -> float:
    """Floating-point operations of training on one token: 6 per weight that multiplies, and attention's.

    As in the appendix of PaLM (Chowdhery et al. 2022): 6N + 12 · layers · width · context, where N leaves out
    embeddings that are looked up only.
    """
    config = model.config
    embedding = model.get_input_embeddings()
    head = model.get_output_embeddings()
    looked_up = 0 if head is not None and head.weight is embedding.weight else embedding.weight.numel()
    weights = sum(weight.numel() for weight in model.parameters()) - looked_up
    layers = getattr(config, "num_hidden_layers", None) or config.num_layers
    width = getattr(config, "hidden_size", None) or config.d_model
    return 6.0 * weights + 12.0 * layers * width * context


@cache
def peak_flops(device: str, precision: str, threads: int) -> float:
    """FLOP per second of a large matrix product, measured here once in a process (about half a second).

    Args:
        device: ``cpu`` or ``cuda``.
        precision: ``bf16`` or ``fp32``.
        threads: CPU threads; part of the key, for the peak is theirs.
    """
    import torch

    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    one, other = (torch.ones(_SIZE, _SIZE, device=device, dtype=kind) for _ in range(2))
    torch.mm(one, other)
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < _SECONDS:
        started = time.perf_counter()
        torch.mm(one, other)
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return 2.0 * _SIZE**3 / best


def energy_joules() -> float | None:
    """The energy counter of the processor package, or None where the system shows none."""
    try:
        return int(_RAPL.read_text(encoding="ascii")) / 1e6
    except (OSError, ValueError):
        return None


class Speedometer:
    """Figures of the stretch since they were last asked for.

    Args:
        flops: floating-point operations of a token; 0 when they are not known.
        peak: of the device, FLOP per second.
    """

    def __init__(self, tokens: int, flops: float = 0.0, peak: float = 0.0):
        self._tokens, self._flops, self._peak = tokens, flops, peak
        self._clock, self._energy = time.monotonic(), energy_joules()

    def pause(self) -> None:
        """Leave out the time until now: a validation is no training."""
        self._clock = time.monotonic()

    def read(self, tokens: int) -> dict[str, float]:
        """``tokens_per_second``, ``model_flop_utilization`` (0 to 1) and ``energy_joules``, where known."""
        now, energy = time.monotonic(), energy_joules()
        rate = (tokens - self._tokens) / max(now - self._clock, 1e-9)
        figures = {"tokens_per_second": rate}
        if self._flops and self._peak:
            figures["model_flop_utilization"] = rate * self._flops / self._peak
        if energy is not None and self._energy is not None and energy >= self._energy:
            figures["energy_joules"] = energy - self._energy
        self._tokens, self._clock, self._energy = tokens, now, energy
        return figures
