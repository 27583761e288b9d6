"""Settings of one process for fast and repeatable training."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from textmill.allocator import tune_allocator
from textmill.errors import UserError
from textmill.training.sharding import layers, shard

COMPILED = Path(".textmill/compiled")


def prepare(threads: int, seed: int) -> None:
    """Tune the allocator, use `threads` threads, seed torch and demand deterministic kernels."""
    tune_allocator()
    # cuBLAS has deterministic kernels only with a workspace of a stated size; it is read at first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    # Else every new tensor is first filled with NaN, a fifth of a step's time; no kernel reads such memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def autocast(precision: str, device: str) -> contextlib.AbstractContextManager[Any]:
    """A context in which matrix products on `device` run in `precision`: ``bf16``, or ``fp32`` for none."""
    import torch

    if precision == "bf16":
        return torch.autocast(device, torch.bfloat16)
    return contextlib.nullcontext()


def lightened(model: Any, device: str, compiles: bool, recomputes: bool, attention: str = "eager") -> Any:
    """`model` with its layers compiled, their activations computed again in the backward pass, or neither.

    `attention` is a name that transformers has for its kernel.

    Layers are compiled one by one: they share one compilation, which `COMPILED` keeps for the next run.

    Raises:
        UserError: there is no C++ compiler, or the model cannot recompute its activations or has no such
            kernel.
    """
    if attention != "eager":
        try:
            model.set_attn_implementation(attention)
        except ValueError as error:
            raise UserError(f"params.yaml: attention: {str(error).splitlines()[0]}") from error
    if recomputes:
        if not model.supports_gradient_checkpointing:
            raise UserError(
                f"{type(model).__name__} keeps its activations; expected recompute: false in params.yaml."
            )
        model.activation_checkpointing_enable({"use_reentrant": False})
    if compiles:
        if device == "cpu" and not shutil.which(os.environ.get("CXX", "g++")):
            raise UserError(
                "params.yaml asks for compile: true, which needs a C++ compiler; found no g++ here. Install "
                "one, name yours in CXX, or set compile: false."
            )
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(COMPILED.resolve()))
        for layer in layers(model):
            layer.compile()
    return model


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
