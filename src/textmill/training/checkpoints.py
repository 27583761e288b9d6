"""Checkpoints: whole or absent, checked when read, kept outside every out.

A checkpoint is a directory `step-NNNNNNNN` with `tensors.safetensors` and `state.json`, which holds the hash
of the former. It is written under a temporary name, flushed to disk and renamed. The key is a hash of all
that decides the result, so a checkpoint of other params, data or code is never found.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128

from textmill.files import replacing_directory
from textmill.training.ranks import place

if TYPE_CHECKING:
    import torch

CHECKPOINTS = Path(".textmill/checkpoints")
STATE, TENSORS = "state.json", "tensors.safetensors"


def hash_file(path: Path) -> str:
    """xxh3-128 of a file's bytes."""
    digest = xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def run_key(params: Mapping[str, Any], inputs: Iterable[str | os.PathLike[str]]) -> str:
    """A key for the run that `params`, the files below `inputs`, this code and torch's version decide."""
    import torch
    import transformers

    code = Path(__file__).resolve().parent.parent
    sources = [
        path
        for room in ("training", "modeling", "tokenization")
        for path in sorted((code / room).rglob("*.py"))
    ]
    digest = xxh3_128(json.dumps(params, sort_keys=True, default=str).encode())
    digest.update(f"{torch.__version__} {transformers.__version__}".encode())
    for root in [*sources, *map(Path, inputs)]:
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file():
                digest.update(f"{path.name}\0{hash_file(path)}\0".encode())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of one run of one stage."""

    def __init__(
        self, stage: str, key: str, directory: str | os.PathLike[str] = CHECKPOINTS, number: int = 2
    ):
        """The last `number` are kept; those of other keys of the stage are of no more use and removed."""
        self.number = number
        self.folder = Path(directory) / f"{stage}-{key}"
        for other in Path(directory).glob(f"{stage}-*") if place().is_first else ():
            if other.name != self.folder.name and len(other.name) == len(self.folder.name):
                shutil.rmtree(other, ignore_errors=True)

    def save(self, step: int, state: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
        """Keep `state` (JSON) and `tensors` as the checkpoint after `step` steps, and drop the oldest."""
        from safetensors.torch import save_file

        final = self.folder / f"step-{step:08d}"
        with replacing_directory(final) as temporary:
            save_file(
                {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()},
                temporary / TENSORS,
            )
            content = {"step": step, "state": dict(state), "hash": hash_file(temporary / TENSORS)}
            (temporary / STATE).write_text(json.dumps(content), encoding="utf-8")
            for name in (TENSORS, STATE):
                _flush(temporary / name)
        _flush(self.folder)
        for other in sorted(self.folder.iterdir(), reverse=True)[self.number :]:
            shutil.rmtree(other, ignore_errors=True)

    def load(self) -> tuple[int, dict[str, Any], dict[str, torch.Tensor]] | None:
        """The newest checkpoint that is whole: steps done, state, tensors; None when there is none.

        One that is damaged is named on stderr and removed.
        """
        from safetensors.torch import load_file

        for folder in sorted(self.folder.glob("step-*"), reverse=True):
            try:
                content = json.loads((folder / STATE).read_text(encoding="utf-8"))
                if content["hash"] == hash_file(folder / TENSORS):
                    return content["step"], content["state"], load_file(folder / TENSORS)
            except (OSError, ValueError, KeyError):
                pass
            print(f"{folder}: damaged; going on from the checkpoint before it, if any", file=sys.stderr)
            shutil.rmtree(folder, ignore_errors=True)
        return None

    def clear(self) -> None:
        """Remove the run's checkpoints: its outs are written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
