"""Overlays: write a profile of conf/ into params.yaml, as a git diff that people can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from textmill.config.load import read_params
from textmill.errors import UserError
from textmill.files import replacing

REPLACE = "!replace"


def overlays(directory: str | os.PathLike[str] = "conf") -> list[str]:
    """The names of the overlays in a directory, sorted."""
    return sorted(path.stem for path in Path(directory).glob("*.yaml"))


def use_overlay(
    name: str, params: str | os.PathLike[str] = "params.yaml", directory: str | os.PathLike[str] = "conf"
) -> list[str]:
    """Write the overlay `name` into a params file, keeping its comments, and return the changed keys.

    Mappings are merged key by key, everything else is replaced. A mapping tagged ``!replace`` takes the
    place of the one it meets, and a null removes the key.

    Raises:
        UserError: there is no such overlay, or the result is not a valid params file; then the params
            file is left as it was.
    """
    source = Path(directory) / f"{name}.yaml"
    if Path(name).name != name or not source.is_file():
        known = ", ".join(overlays(directory)) or "none"
        raise UserError(f"{source}: no such overlay. Known: {known}.")
    read_params(params)
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 110
    base = yaml.load(Path(params).read_text(encoding="utf-8"))
    try:
        overlay = yaml.load(source.read_text(encoding="utf-8")) or {}
    except MarkedYAMLError as error:
        raise UserError(f"{source}: is not valid YAML: {error.problem}.") from None
    if not isinstance(overlay, dict):
        raise UserError(f"{source}: expected a mapping of sections, found {type(overlay).__name__}.")
    changed: list[str] = []
    _merge(base, overlay, "", changed)
    with replacing(params) as temporary:
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(base, file)
        _check(temporary, source)
    return changed


def _merge(base: Any, overlay: Any, prefix: str, changed: list[str]) -> None:
    for key, value in overlay.items():
        trail = f"{prefix}{key}"
        if value is None:
            if base.pop(key, None) is not None:
                changed.append(f"{trail} (removed)")
        elif isinstance(value, dict) and isinstance(base.get(key), dict) and not _replaces(value):
            _merge(base[key], value, f"{trail}.", changed)
        elif base.get(key) != value or _replaces(value):
            base[key] = _plain(value)
            changed.append(trail)


def _replaces(value: Any) -> bool:
    tag = getattr(value, "tag", None)
    return tag is not None and tag.value == REPLACE


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _check(file: Path, source: Path) -> None:
    from textmill.config.params import load_params

    try:
        load_params(file)
    except UserError as error:
        reason = str(error).replace(str(file), "params.yaml")
        raise UserError(f"{source}: would make params.yaml invalid: {reason}") from None
