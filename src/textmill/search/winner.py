"""The best trial as a change of params.yaml that people can read, and take."""

from __future__ import annotations

import difflib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.representer import RoundTripRepresenter

from textmill.files import replacing


class _Representer(RoundTripRepresenter):
    """Writes null as params.yaml has it."""

    def represent_none(self, data: None) -> Any:
        """The word."""
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_none)


def changed_text(file: Path, trail: list[str], values: Mapping[str, Any]) -> str:
    """The params file with other `values` (by dotted key) below `trail`; comments and order stay."""
    source = file.read_text(encoding="utf-8")
    yaml = _writer(source)
    content = yaml.load(source)
    for key, value in values.items():
        node = content
        *parts, last = [*trail, *key.split(".")]
        for part in parts:
            if not isinstance(node.get(part), dict):
                node[part] = {}
            node = node[part]
        if node.get(last) != value or last not in node:
            node[last] = value
    return _dumped(yaml, content)


def _writer(source: str) -> YAML:
    """Reads and writes YAML such that `source` comes out as it is; lists stand in or under their key."""
    writers = []
    for sequence, offset in ((4, 2), (2, 0)):
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 4096
        yaml.Representer = _Representer
        yaml.indent(mapping=2, sequence=sequence, offset=offset)
        writers.append(yaml)
    lines = source.splitlines()

    def strangers(yaml: YAML) -> int:
        written = set(_dumped(yaml, yaml.load(source)).splitlines())
        return sum(line not in written for line in lines)

    return min(writers, key=strangers)


def _dumped(yaml: YAML, content: Any) -> str:
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def diff(file: Path, text: str) -> str:
    """`file` against `text` as a unified diff; empty where nothing changes."""
    before = file.read_text(encoding="utf-8").splitlines(keepends=True)
    name = file.name
    return "".join(difflib.unified_diff(before, text.splitlines(keepends=True), f"a/{name}", f"b/{name}"))


def apply(file: Path, text: str) -> None:
    """Make `text` the content of the params file, if it is valid.

    Raises:
        UserError: it is not; the file is left as it was.
    """
    from textmill.config.params import load_params

    with replacing(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
        load_params(temporary)
