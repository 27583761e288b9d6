"""A repository with a tiny encoder, a small task and a search, all in a temporary folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ruamel.yaml import YAML

GOOD = ["good film", "好看的电影", "a good good time", "好，真好"]
BAD = ["bad film", "难看的电影", "a bad bad time", "难，真难"]
PARAMS = """\
# what decides everything
seed: 5

finetune:
  small: # the run that is searched
    task: opinions
    base: base
    objective: classification
    epochs: 3
    batch: 8
    learning_rate: 0.01 # Muon's
    embedding_learning_rate: 0.01
    max_input_tokens: 40
    validations: 3
    dropout: null
    best: loss
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    import torch

    from textmill.corpus.shards import write_table
    from textmill.modeling.architectures import Shape, build
    from textmill.modeling.saving import save_model
    from textmill.tokenization.bpe import assemble
    from textmill.tokenization.directory import save_tokenizer

    folder = tmp_path_factory.mktemp("made")
    torch.manual_seed(1)
    model = build("encoder", Shape(1, 32, 2, 48, 64, 294))
    save_model(model, folder / "base", lambda to: save_tokenizer(assemble([]), to, "encoder", 64))
    rows = [(text, "up") for text in GOOD] + [(text, "down") for text in BAD]
    schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
    for split, part in (("train", rows * 6), ("validation", rows)):
        columns = {"input": [text for text, _ in part], "target": [label for _, label in part]}
        path = folder / "data" / "tasks" / "opinions" / f"{split}.parquet"
        write_table(path, pa.table(columns, schema=schema))
    return folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """Write params with one search, `s`; returns a function from its keys."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")

    def write(**search: Any) -> Path:
        Path("params.yaml").write_text(PARAMS, encoding="utf-8")
        with Path("params.yaml").open("a", encoding="utf-8") as file:
            file.write("\n")
            YAML().dump({"search": {"s": {"stage": "finetune", "run": "small"} | search}}, file)
        return tmp_path

    return write
