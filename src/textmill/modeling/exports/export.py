"""Export a model: write it, run what was written, and keep it only if it answers as the model does."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textmill.errors import UserError
from textmill.files import replacing_directory
from textmill.modeling.exports import ctranslate2, gguf, onnx, safetensors
from textmill.modeling.exports.subject import Subject, load

TOLERANCE = 1e-4
"""Largest difference of a logit that is let through, in float32."""

# Each writes into a directory and gives what it wrote there, run by the format's own runtime, as a function
# of (subject, directory) to the largest difference of a logit.
FORMATS: dict[str, tuple[Callable[[Subject, Path], None], Callable[[Subject, Path], float]]] = {
    "safetensors": (safetensors.write, safetensors.difference),
    "onnx": (onnx.write, onnx.difference),
    "gguf": (gguf.write, gguf.difference),
    "ctranslate2": (ctranslate2.write, ctranslate2.difference),
}


@dataclass(frozen=True)
class Exported:
    """What was written, and how far its logits are from the model's at most."""

    directory: Path
    model: str
    files: list[str]
    size: int
    difference: float


def export(directory: str | os.PathLike[str], to: str, target: str | os.PathLike[str]) -> Exported:
    """Write the model in `directory` to the directory `target`, whole and checked, or not at all.

    Args:
        directory: a Hugging Face model directory with its tokenizer.
        to: one of `FORMATS`.
        target: must not hold files that are not of an earlier export.

    Raises:
        UserError: the format is unknown or does not know this kind of model, an extra is missing, the target
            is taken, or what was written answers otherwise than the model.
    """
    if to not in FORMATS:
        raise UserError(f"--to {to}: expected one of {', '.join(FORMATS)}.")
    place = Path(target)
    _check_target(place, Path(directory))
    subject = load(directory)
    write, difference = FORMATS[to]
    with replacing_directory(place) as temporary:
        write(subject, temporary)
        found = difference(subject, temporary)
        if not found <= TOLERANCE:
            raise UserError(
                f"{directory}: written as {to}, a logit of {subject.name} is off by {found:.1e}; expected at "
                f"most {TOLERANCE:.0e}. Nothing was kept."
            )
        (temporary / MARK).write_text(f"{to}\n", encoding="utf-8")
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != MARK)
    size = sum(path.stat().st_size for path in files)
    return Exported(place, subject.name, [str(path.relative_to(place)) for path in files], size, found)


MARK = ".textmill-export"


def _check_target(target: Path, source: Path) -> None:
    if target.resolve() == source.resolve():
        raise UserError(f"{target}: expected another directory than the model's own.")
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file():
        raise UserError(f"{target}: expected an empty directory or an earlier export, found other files.")
    if target.exists() and not target.is_dir():
        raise UserError(f"{target}: expected a directory, found a file.")
