"""A small project as the pipeline leaves it: params, dvc.lock, reports, and models that really answer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from textmill.corpus.shards import read_table, write_table
from textmill.files import write_json
from textmill.tracking.hashes import path_hash

TEXTS = ["Save the file", "Close the window", "A fine film", "关闭窗口", "保存文件", "不太好的电影"]


def tiny_tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<pad>", "<bos>", "<eos>", "<unk>", "<mask>", "<sep>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    names = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


def save_model(kind: str, directory: Path, seed: int = 0) -> None:
    """A Hugging Face directory with a random model of 32 dimensions."""
    import torch
    import transformers as hf

    torch.manual_seed(seed)
    small = {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    if kind == "classification":
        names = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}
        model = hf.BertForSequenceClassification(hf.BertConfig(**small, **names, pad_token_id=0))
    elif kind == "generation":
        shape = {"vocab_size": 300, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2}
        tokens = {"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0}
        model = hf.T5ForConditionalGeneration(hf.T5Config(**shape, **tokens))
    else:
        tokens = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
        model = hf.LlamaForCausalLM(hf.LlamaConfig(**small, **tokens))
    model.save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directories classification, generation, causal and their `-other` weights."""
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("models")
    for kind in ("classification", "generation", "causal"):
        save_model(kind, folder / kind)
        save_model(kind, folder / f"{kind}-other", seed=1)
    return folder


def evaluation_report(
    name: str, kind: str, metric: str, value: float, verdict: str = "won", **more: Any
) -> dict:
    own = "pretrained" if kind == "decoder" else "finetuned"
    return {
        "name": name,
        "task": name,
        "kind": kind,
        "n": 6,
        "test_sha256": "t" * 64,
        "models": {
            own: {"metrics": {metric: {"value": value, "low": value - 0.05, "high": value + 0.05, "n": 6}}},
            "majority": {"metrics": {metric: {"value": 0.3, "low": 0.2, "high": 0.4, "n": 6}}},
        },
        "comparisons": [
            {"model": own, "against": "majority", "metric": metric, "difference": value - 0.3}
            | {"low": value - 0.4, "high": value - 0.2, "p": 0.002, "verdict": verdict}
        ],
        "samples": [{"id": "0" * 32, "input": TEXTS[0], "target": "negative", own: "negative"}],
        **more,
    }


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An initialised SQLite store: creating the tables anew for every test would take most of the time."""
    from textmill.tracking.store import connected

    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with connected(folder) as client:
            client.search_experiments()
    return folder / "mlflow.db"


@dataclass
class Project:
    """A directory that looks like the repository after a run."""

    root: Path
    models: Path
    seed: int = 1

    def write(self, path: str, text: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def model(self, path: str, source: str) -> None:
        shutil.rmtree(self.root / path, ignore_errors=True)
        shutil.copytree(self.models / source, self.root / path)

    def predictions(self, run: str, predicted: list[str]) -> None:
        """Predictions on six rows of sentiment, three negative and three positive."""
        targets = ["negative"] * 3 + ["positive"] * 3
        ids = [f"{row:032x}" for row in range(len(TEXTS))]
        columns = {"id": ids, "input": TEXTS, "target": targets, "finetuned": predicted}
        write_table(self.root / f"data/predictions/{run}/predictions.parquet", pa.table(columns))

    def rows(self) -> dict[str, list[str]]:
        """The test rows of sentiment, by column."""
        return read_table(self.root / "data/tasks/sentiment/test.parquet").to_pydict()

    def params(self, values: dict[str, Any]) -> None:
        with (self.root / "params.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(values, file)

    def lock(self) -> None:
        """Write dvc.lock for what lies there now, as DVC would after running every stage."""
        stages = {}
        for name, (cmd, deps, outs) in self.stages().items():
            items = {
                key: [self._item(path) for path in paths] for key, paths in (("deps", deps), ("outs", outs))
            }
            stages[name] = {"cmd": cmd, **items, "params": {"params.yaml": {"seed": self.seed}}}
        with (self.root / "dvc.lock").open("w", encoding="utf-8") as file:
            YAML().dump({"schema": "2.0", "stages": stages}, file)

    def stages(self) -> dict[str, tuple[str, list[str], list[str]]]:
        made = {
            "ingest": ("python -m pipelines.ingest", [], ["data/raw"]),
            "clean": ("python -m pipelines.clean", ["data/raw"], ["data/clean"]),
            "validate": ("python -m pipelines.validate", ["data/clean"], ["reports/validation.json"]),
            "tasks@sentiment": ("python -m pipelines.tasks sentiment", [], ["data/tasks/sentiment"]),
        }
        gate = ["reports/validation.json", "data/clean"]
        made["pretrain@decoder"] = (
            "python -m pipelines.pretrain decoder",
            gate,
            ["models/pretrained/decoder"],
        )
        judged = ["models/pretrained/decoder", "data/clean"]
        made["evaluate_lm@decoder"] = (
            "python -m pipelines.evaluate_lm decoder",
            judged,
            ["reports/language_models/decoder.json"],
        )
        task = ["data/tasks/sentiment"]
        outs = ["models/tasks/sentiment", "reports/finetune/sentiment.json"]
        made["finetune@sentiment"] = ("python -m pipelines.finetune sentiment", task, outs)
        outs = ["data/predictions/sentiment", "reports/evaluation/sentiment.json"]
        made["evaluate@sentiment"] = (
            "python -m pipelines.evaluate sentiment",
            ["models/tasks/sentiment", *task],
            outs,
        )
        return made

    def _item(self, path: str) -> dict[str, Any]:
        return {"path": path, "hash": "md5", "md5": path_hash(self.root / path)}


SENTIMENT = {
    "name": "film-sentiment",
    "path": "models/tasks/sentiment",
    "report": "reports/evaluation/sentiment.json",
}
DECODER = {
    "name": "writer",
    "path": "models/pretrained/decoder",
    "report": "reports/language_models/decoder.json",
}


@pytest.fixture
def project(tmp_path: Path, models: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A committed run with a sentiment classifier and a decoder; both pass their gates."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return committed_run(tmp_path, models, empty_store)


@pytest.fixture(scope="module")
def registered(
    tmp_path_factory: pytest.TempPathFactory, models: Path, empty_store: Path
) -> Iterator[Project]:
    """The same project after registration, shared by tests that leave it as it was."""
    from textmill.registry.promotion import register

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = committed_run(tmp_path_factory.mktemp("registered"), models, empty_store)
        register(made.root)
        yield made


def committed_run(tmp_path: Path, models: Path, empty_store: Path) -> Project:
    """Write what the pipeline leaves behind."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    made = Project(tmp_path, models)
    made.params(
        {
            "seed": 1,
            "registry": {"models": [{**SENTIMENT, "card": "Films, liked or not."}, DECODER]},
            "gates": {
                "smoke": ["a small test", "一个小测试"],
                "models": {
                    "film-sentiment": {
                        "floors": {"accuracy": 0.5},
                        "beats": [{"metric": "accuracy", "against": "majority"}],
                        "champion": {"metric": "accuracy"},
                    },
                    "writer": {"ceilings": {"bits_per_byte": 3.0}, "champion": {"metric": "bits_per_byte"}},
                },
            },
        }
    )
    made.write("data/raw/part-00000.txt", "原文 raw text\n")
    made.write("data/clean/part-00000.txt", "clean text\n")
    made.write("data/clean/nested/part-00001.txt", "干净的文本\n")
    write_json(tmp_path / "reports/validation.json", {"passed": True, "expectations": []})
    labels = ["negative"] * 3 + ["positive"] * 3
    columns = {"id": [f"{row:032x}" for row in range(6)], "input": TEXTS, "target": labels}
    table = pa.table({**columns, "source": ["test"] * 6, "input_lang": ["en"] * 6, "target_lang": ["en"] * 6})
    for split in ("train", "validation", "test"):
        write_table(tmp_path / f"data/tasks/sentiment/{split}.parquet", table)
    about = {"kind": "classification", "labels": ["negative", "positive"], "test_sha256": "t" * 64}
    write_json(tmp_path / "data/tasks/sentiment/task.json", about)
    made.model("models/tasks/sentiment", "classification")
    made.model("models/pretrained/decoder", "causal")
    curve = [{"step": 1, "loss": 0.7}, {"step": 2, "loss": 0.5, "validation_loss": 0.6}]
    write_json(tmp_path / "reports/finetune/sentiment.json", {"curve": curve, "parameters": 12345})
    report = evaluation_report("sentiment", "classification", "accuracy", 0.83)
    write_json(tmp_path / "reports/evaluation/sentiment.json", report)
    made.predictions("sentiment", ["negative"] * 3 + ["positive"] * 2 + ["negative"])
    report = evaluation_report("decoder", "decoder", "bits_per_byte", 2.1)
    write_json(tmp_path / "reports/language_models/decoder.json", report)
    made.lock()
    return made
