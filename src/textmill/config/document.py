"""Write docs/params.md, the reference of params.yaml, from the config models.

Run it as ``python -m textmill.config.document``; a test keeps the page equal to the models.
"""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from textmill.config.params import Params

PAGE = Path("docs/params.md")
INTRODUCTION = """# Reference of params.yaml

Written from the config models by `make docs`; change the models, not this page. Unknown keys and values
of another type are errors that name the key. *required* means the key has no default.
"""


def reference() -> str:
    """The page, as Markdown."""
    parts = [INTRODUCTION]
    for name, field in Params.model_fields.items():
        parts.append(f"\n## {field.alias or name}\n\n{_sentence(field.description)}\n")
        seen: set[type[BaseModel]] = set()
        queue = _models(field.annotation)
        while queue:
            model = queue.pop(0)
            if model in seen:
                continue
            seen.add(model)
            parts.append(_table(model))
            for inner in model.model_fields.values():
                queue += _models(inner.annotation)
    return "\n".join(parts).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _table(model: type[BaseModel]) -> str:
    heading = (model.__doc__ or model.__name__).strip().split("\n\n")[0].replace("\n", " ")
    rows = [
        f"| `{field.alias or name}` | {_type(field.annotation)} | {_default(field)} | {_description(field)} |"
        for name, field in model.model_fields.items()
    ]
    if not rows:
        return f"\n**{model.__name__}**: {heading} It has no keys.\n"
    return "\n".join(
        [
            f"\n**{model.__name__}**: {heading}\n",
            "| key | type | default | what |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models(part)]


def _type(annotation: Any) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(args[0])
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in args)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in args)
    if origin is list:
        return f"list of {_type(args[0])}"
    if origin is dict:
        return f"mapping of {_type(args[0])} to {_type(args[1])}"
    names = {str: "text", int: "integer", float: "number", bool: "true/false", type(None): "null"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "*required*"
    if isinstance(value, BaseModel):
        return "see below"
    text = str(_plain(value)).replace("|", "\\|")
    return f"`{text if len(text) < 60 else text[:57] + '…'}`"


def _plain(value: Any) -> Any:
    """Models inside of mappings as what is written in them."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _description(field: FieldInfo) -> str:
    if field.description is None and typing.get_origin(field.annotation) is typing.Literal:
        return "Says that these keys apply."
    return _sentence(field.description)


def _sentence(text: str | None) -> str:
    return (text or "").replace("\n", " ").replace("|", "\\|")


def main() -> None:
    """Write the page."""
    PAGE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
