"""Read params.yaml and say precisely which key is wrong."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from textmill.errors import UserError

Model = TypeVar("Model", bound=BaseModel)

SECTIONS = (
    "seed", "run", "ingest", "tasks", "clean", "annotate", "dedup", "contamination", "select", "bias",
    "validate", "tokenizer", "tokenize", "base", "pretrain", "finetune", "evaluate", "evaluate_lm",
    "probe", "report", "gates", "registry",
)  # fmt: skip


def params_file() -> Path:
    """The params file in use: params.yaml of the working directory."""
    return Path(os.environ.get("TEXTMILL_PARAMS", "params.yaml"))


def read_params(path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Read a params file (YAML 1.2, as DVC reads it) and check its section names.

    Raises:
        UserError: the file is missing, is not YAML, or has a section that no stage knows.
    """
    file = Path(path) if path is not None else params_file()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{file}: not found. Run this in the repository root.") from None
    try:
        values = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        where = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{file}:{where} is not valid YAML: {error.problem}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{file}: expected a mapping of sections, found {type(values).__name__}.")
    for name in values:
        if name not in SECTIONS:
            raise UserError(f"{file}: {name}: unknown section.{_suggestion(str(name), SECTIONS)}")
    return values


def load_section(model: type[Model], key: str, path: str | os.PathLike[str] | None = None) -> Model:
    """Read the part of the params file under the dotted `key` as a `model`.

    Raises:
        UserError: the key is absent, or a key or value below it is wrong; the message names it.
    """
    file = Path(path) if path is not None else params_file()
    node: Any = read_params(file)
    trail: list[str] = []
    for part in key.split("."):
        trail.append(part)
        if not isinstance(node, dict) or part not in node:
            known = list(node) if isinstance(node, dict) else []
            raise UserError(f"{file}: {'.'.join(trail)}: missing.{_suggestion(part, known)}")
        node = node[part]
    return validated(model, node, file, key)


def validated(model: type[Model], value: Any, file: str | os.PathLike[str], key: str = "") -> Model:
    """`value`, found in `file` under the dotted `key`, as a `model`.

    Raises:
        UserError: one paragraph that lists each wrong key, what was found and what was expected.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = [_problem(model, entry, key) for entry in error.errors()]
        raise UserError(f"{file}: {'; '.join(problems)}") from None


def _problem(model: type[BaseModel], entry: Any, key: str) -> str:
    path = ".".join([*filter(None, [key]), *(str(part) for part in entry["loc"])])
    if entry["type"] == "extra_forbidden":
        return f"{path}: unknown key.{_suggestion(str(entry['loc'][-1]), _known(model, entry['loc'][:-1]))}"
    if entry["type"] == "missing":
        return f"{path}: missing"
    found = repr(entry["input"])
    return f"{path}: {entry['msg']}, found {found[:80]} ({type(entry['input']).__name__})"


def _known(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    fields: Any = model
    for part in loc:
        info = _by_key(fields).get(part)
        fields = getattr(info, "annotation", None)
    return list(_by_key(fields))


def _by_key(model: Any) -> dict[str, Any]:
    return {field.alias or name: field for name, field in getattr(model, "model_fields", {}).items()}


def _suggestion(name: str, known: Any) -> str:
    known = [str(item) for item in known]
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f" Did you mean {close[0]}?"
    return f" Known here: {', '.join(known)}." if known else ""
