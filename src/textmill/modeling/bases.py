"""Pretrained models of others, as Hugging Face directories that hold safetensors and never pickle."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from textmill.errors import UserError
from textmill.files import replacing_directory

PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".msgpack", ".h5", ".npy", ".npz")
CONFIG = "config.json"


def check_members(names: Iterable[str], where: str) -> None:
    """Refuse a model that lacks safetensors or config, or that carries weights in a format that can run code.

    Args:
        names: file names relative to the model's folder, with ``/``.
        where: what the error message calls the model.

    Raises:
        UserError: names the file that is missing or refused.
    """
    files = set(names)
    pickled = sorted(name for name in files if name.endswith(PICKLED))
    if pickled:
        raise UserError(
            f"{where}: {pickled[0]}: weights in this format can run code when they are loaded; expected "
            "safetensors only. Convert the model with save_pretrained(safe_serialization=True) first."
        )
    code = sorted(name for name in files if name.endswith(".py"))
    if code:
        raise UserError(f"{where}: {code[0]}: expected a model without code of its own, which is never run.")
    if CONFIG not in files:
        raise UserError(f"{where}: expected {CONFIG} among its {len(files)} files, found none.")
    if not any(name.endswith(".safetensors") and "/" not in name for name in files):
        raise UserError(f"{where}: expected weights in *.safetensors beside {CONFIG}, found none.")


def from_archive(archive: Path, folder: str, target: Path) -> None:
    """Write the model in `folder` of a zip or tar archive to the directory `target`, whole or not at all.

    Raises:
        UserError: the archive has no such folder, or `check_members` refuses what is in it.
    """
    from textmill.corpus.artifacts import member_names, open_member

    prefix = folder.strip("/") + "/"
    members = [name for name in member_names(archive) if name.startswith(prefix)]
    if not members:
        raise UserError(f"{archive.name}: members: expected files below {prefix!r}, found none.")
    check_members((name[len(prefix) :] for name in members), f"{archive.name}: {folder}")
    with replacing_directory(target) as temporary:
        for name in members:
            path = temporary / name[len(prefix) :]
            path.parent.mkdir(parents=True, exist_ok=True)
            with open_member(archive, name) as source, path.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
        _check_loads(temporary, f"{archive.name}: {folder}")


def from_directory(source: Path, target: Path) -> None:
    """Copy a local model directory to `target`, whole or not at all.

    Raises:
        UserError: `source` is not a directory, or `check_members` refuses what is in it.
    """
    if not source.is_dir():
        raise UserError(f"{source}: expected a Hugging Face model directory, found none.")
    hidden = {path for path in source.rglob("*") if path.relative_to(source).parts[0].startswith(".")}
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and path not in hidden]
    names = [str(PurePosixPath(path.relative_to(source))) for path in files]
    check_members(names, str(source))
    with replacing_directory(target) as temporary:
        for path, name in zip(files, names, strict=True):
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, temporary / name)
        _check_loads(temporary, str(source))


def from_hub(repository: str, revision: str, target: Path) -> None:
    """Download the safetensors model of a hub repository at a revision to `target`; pickled twins stay there.

    Raises:
        UserError: the hub cannot be reached, or has no such repository or revision, or `check_members`
            refuses what is in it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    ignored = [f"*{suffix}" for suffix in PICKLED] + ["*.py", "onnx/*", "openvino/*", "*.onnx", "*.gguf"]
    try:
        snapshot = snapshot_download(repository, revision=revision, ignore_patterns=ignored)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{repository} at revision {revision}: cannot be had from the hub: {reason}"
        ) from error
    from_directory(Path(snapshot), target)


def _check_loads(directory: Path, where: str) -> None:
    """Read the header of each weights file: a cut or damaged file is found now, not by fine-tuning."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(directory.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as weights:
                tensors = len(weights.keys())
        except SafetensorError as error:
            raise UserError(f"{where}: {path.name}: expected whole safetensors, but {error}.") from error
        if tensors == 0:
            raise UserError(f"{where}: {path.name}: expected weights, found no tensor.")
