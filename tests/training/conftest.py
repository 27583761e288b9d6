"""Small token shards and a spool, a progress display and checkpoints that touch only temporary folders."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def _tokens_module():
    spec = importlib.util.spec_from_file_location("training_tokens", Path(__file__).with_name("tokens.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory) -> Path:
    """A folder with `tokens/{train,validation}` and `tokenizer`."""
    return _tokens_module().write_tokens(tmp_path_factory.mktemp("shards"))
