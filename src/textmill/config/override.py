"""Params with some keys changed from a command line: ``select.gopher.min_words=20``."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from textmill.config.load import SECTIONS
from textmill.errors import UserError


def assignment(text: str) -> tuple[list[str], str]:
    """The dotted key and the value of ``KEY=VALUE``, the value as it was written.

    Raises:
        UserError: it has another form, or the key begins with no section of params.yaml.
    """
    key, sign, value = text.partition("=")
    trail = key.strip().split(".")
    if not sign or not all(trail) or len(trail) < 2:
        raise UserError(f"{text}: expected KEY=VALUE with a dotted key, such as select.gopher.min_words=20.")
    if trail[0] not in SECTIONS:
        close = difflib.get_close_matches(trail[0], SECTIONS, n=1)
        hint = f" Did you mean {close[0]}?" if close else f" Did you mean select.{'.'.join(trail)}?"
        raise UserError(f"{'.'.join(trail)}: no section {trail[0]} in params.yaml.{hint}")
    return trail, value.strip()


def parsed(value: str, key: str) -> Any:
    """A value as params.yaml would read it.

    Raises:
        UserError: it is not YAML.
    """
    try:
        return YAML(typ="safe").load(value) if value else None
    except YAMLError:
        raise UserError(f"{key}: {value!r} is not a value that params.yaml could hold.") from None


def overridden(values: Mapping[str, Any], changes: Iterable[tuple[list[str], Any]]) -> dict[str, Any]:
    """A copy of `values` in which each dotted key has another value; keys that are new are added."""
    changed = copy.deepcopy(dict(values))
    for trail, value in changes:
        node = changed
        for part in trail[:-1]:
            if not isinstance(node.get(part), dict):
                node[part] = {}
            node = node[part]
        node[trail[-1]] = value
    return changed
