"""Every value that dvc.yaml takes from params.yaml is written there: DVC knows no defaults."""

from __future__ import annotations

import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]


def test_every_interpolated_key_is_in_params() -> None:
    params = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    used = set(re.findall(r"\$\{([\w.-]+)\}", (ROOT / "dvc.yaml").read_text(encoding="utf-8")))
    used -= {name for name in used if name.split(".")[0] in ("key", "item")}
    assert "validate.accepted" in used
    for name in used:
        node = params
        for part in name.split("."):
            assert isinstance(node, dict) and part in node, f"{name}: not in params.yaml"
            node = node[part]
