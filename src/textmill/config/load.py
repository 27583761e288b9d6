"""Read params.yaml and say precisely which key is wrong."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from textmill.errors import UserError

Model = TypeVar("Model", bound=BaseModel)

SECTIONS = (
    "seed", "run", "ingest", "tasks", "clean", "annotate", "quality", "dedup", "contamination", "select",
    "bias", "embeddings", "mitigate", "validate", "tokenizer", "tokenize", "validate_tokens",
    "train", "base", "pretrain", "finetune", "search", "evaluate", "evaluate_lm", "probe", "memorization",
    "report", "gates", "registry",
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
        values = YAML(typ="safe").load(_text(file))
    except MarkedYAMLError as error:
        where = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{file}:{where} is not valid YAML: {error.problem}.") from None
    except YAMLError as error:
        raise UserError(f"{file}: is not valid YAML: {str(error).splitlines()[0]}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{file}: expected a mapping of sections, found {type(values).__name__}.")
    for name in values:
        if name not in SECTIONS:
            raise UserError(f"{file}: {name}: unknown section.{_suggestion(str(name), SECTIONS)}")
    return values


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file}: not found. Run this in the repository root.") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror}); expected a file of params.") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{file}: line {line}: found byte 0x{content[error.start]:02x}, which is not UTF-8; expected "
            "text in UTF-8."
        ) from None


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
    trail, parent = _walk(model, entry["loc"])
    path = ".".join([*filter(None, [key]), *trail])
    if entry["type"] == "extra_forbidden":
        return f"{path}: unknown key.{_suggestion(trail[-1], _by_key(parent))}"
    if entry["type"] == "missing":
        return f"{path}: missing"
    found = repr(entry["input"])
    return f"{path}: {entry['msg']}, found {found[:80]} ({type(entry['input']).__name__})"


def _walk(model: type[BaseModel], loc: tuple[Any, ...]) -> tuple[list[str], Any]:
    """The keys that a location in pydantic's words passes, and the model that holds the last one.

    Where a key such as `kind` chooses among models, pydantic names its value in the location; it is no key.
    """
    trail: list[str] = []
    parent: Any = None
    inside: Any = model
    for part in loc:
        inside = _without_none(inside)
        chosen = _chosen(inside, part)
        if chosen is not None:
            inside = chosen
            continue
        trail.append(str(part))
        parent = inside
        fields = _by_key(inside)
        if fields:
            inside = getattr(fields.get(part), "annotation", None)
        else:
            inside = (get_args(inside) or (None,))[-1]
    return trail, parent


def _without_none(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    kept = [option for option in get_args(annotation) if option is not NoneType]
    if get_origin(annotation) in (Union, UnionType) and len(kept) == 1:
        return _without_none(kept[0])
    return annotation


def _chosen(annotation: Any, tag: Any) -> Any:
    """The model of a union that has `tag` as the only value of one of its keys."""
    if get_origin(annotation) not in (Union, UnionType):
        return None
    for option in get_args(annotation):
        if any(get_args(field.annotation) == (tag,) for field in _by_key(option).values()):
            return option
    return None


def _by_key(model: Any) -> dict[str, Any]:
    return {field.alias or name: field for name, field in getattr(model, "model_fields", {}).items()}


def _suggestion(name: str, known: Any) -> str:
    known = [str(item) for item in known]
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f" Did you mean {close[0]}?"
    return f" Known here: {', '.join(known)}." if known else ""
