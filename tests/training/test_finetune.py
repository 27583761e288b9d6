"""Fine-tuning: labels and losses are right, the control is the same recipe, mistakes are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from textmill.config.finetune import Finetune
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.modeling.architectures import Shape, build
from textmill.modeling.saving import save_model
from textmill.progress import Progress
from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.training.bases import load_model
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.examples import Examples
from textmill.training.finetune_run import Task, finetune

GOOD = ["good film", "好看的电影", "a good good time", "好，真好"]
BAD = ["bad film", "难看的电影", "a bad bad time", "难，真难"]


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    for architecture in ("encoder", "seq2seq", "decoder"):
        torch.manual_seed(1)
        model = build(architecture, Shape(1, 32, 2, 48, 64, 294))
        save_model(
            model,
            folder / architecture,
            lambda to, kind=architecture: save_tokenizer(assemble([]), to, kind, 64),
        )
    return folder


def write_task(folder: Path, train: list[tuple[str, str]], validation: list[tuple[str, str]]) -> Path:
    for split, rows in (("train", train), ("validation", validation)):
        columns = {"input": [text for text, _ in rows], "target": [answer for _, answer in rows]}
        schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
        write_table(folder / f"{split}.parquet", pa.table(columns, schema=schema))
    return folder


def classified() -> list[tuple[str, str]]:
    return [(text, "up") for text in GOOD] + [(text, "down") for text in BAD]


def params_for(base: Path, **changes) -> Finetune:
    settings = {
        "task": "t", "base": str(base), "objective": "classification", "epochs": 10.0, "batch": 8,
        "learning_rate": 0.01, "embedding_learning_rate": 0.01, "max_input_tokens": 40, "validations": 2,
    }  # fmt: skip
    return Finetune(**{**settings, **changes})


def run_finetune(params: Finetune, data: Path, folder: Path, is_control: bool = False) -> dict:
    prepare(1, 5)
    task = Task(params, 5, data)
    return finetune(
        params, 5, task, folder / "model", is_control, Checkpoints("f", "k", folder),
        Spool("f", directory=folder), Progress("test"),
    )  # fmt: skip


def test_a_classifier_learns_and_answers_with_label_names(bases, tmp_path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    data = write_task(tmp_path / "data", classified() * 8, classified())
    report = run_finetune(params_for(bases / "encoder", best="accuracy"), data, tmp_path)
    assert report["validation_accuracy"] == 1.0
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    batch = tokenizer([text for text, _ in classified()], return_tensors="pt", padding=True)
    answers = model(**batch).logits.argmax(dim=1).tolist()
    assert [model.config.id2label[answer] for answer in answers] == [label for _, label in classified()]
    again = run_finetune(params_for(bases / "encoder", best="accuracy"), data, tmp_path / "again")
    assert again == report
    files = [(folder / "model/model.safetensors").read_bytes() for folder in (tmp_path, tmp_path / "again")]
    assert files[0] == files[1]


def test_a_generator_learns_its_pairs(bases, tmp_path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    pairs = [("Save", "保存"), ("Open file", "打开文件"), ("Close", "关闭")]
    data = write_task(tmp_path / "data", pairs * 16, pairs)
    params = params_for(
        bases / "seq2seq", objective="generation", epochs=40.0, label_smoothing=0.05, batch=16
    )
    report = run_finetune(params, data, tmp_path)
    assert report["validation_loss"] < 0.5 < report["curve"][0]["loss"]
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    batch = tokenizer([text for text, _ in pairs], return_tensors="pt", padding=True)
    outputs = tokenizer.batch_decode(model.generate(**batch, max_new_tokens=20), skip_special_tokens=True)
    assert outputs == [target for _, target in pairs]


def test_the_control_differs_in_its_weights_alone(bases) -> None:
    arguments = (bases / "encoder", "classification", ["down", "up"], None)
    pretrained, control = (load_model(*arguments, is_random, 3) for is_random in (False, True))
    saved = build_state(bases / "encoder")
    embedding = "model.embeddings.tok_embeddings.weight"
    assert torch.equal(pretrained.state_dict()[embedding], saved[embedding])
    assert not torch.equal(control.state_dict()[embedding], saved[embedding])
    assert control.config.to_diff_dict().items() >= {"id2label": {0: "down", 1: "up"}}.items()
    assert [weight.shape for weight in control.parameters()] == [
        weight.shape for weight in pretrained.parameters()
    ]


def build_state(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_dropout_of_the_params_replaces_that_of_the_base(bases) -> None:
    config = load_model(bases / "encoder", "classification", ["a", "b"], 0.3, False, 1).config
    assert (config.mlp_dropout, config.embedding_dropout, config.attention_dropout) == (0.3, 0.3, 0.3)


def test_every_row_is_dealt_once_per_epoch_in_batches_of_like_length() -> None:
    random = np.random.default_rng(0)
    inputs = [[number] * int(random.integers(1, 60)) for number in range(1, 1001)]
    examples = Examples(inputs, np.arange(1000), batch=16, pad=0, seed=3)
    seen, padded = [], 0
    for step in range(examples.batches_per_epoch):
        ids, attention, labels = examples.step(step)
        assert np.array_equal(ids[:, 0], labels + 1)
        assert (ids[attention == 0] == 0).all()
        seen += labels.tolist()
        padded += ids.size
    assert sorted(seen) == list(range(1000))
    assert padded < 1.25 * sum(map(len, inputs))
    assert np.array_equal(Examples(inputs, np.arange(1000), 16, 0, 3).step(150)[0], examples.step(150)[0])


@pytest.mark.parametrize(
    ("train", "validation", "message"),
    [
        (
            classified(),
            [("new", "sideways")],
            r"validation\.parquet: row 0: .*'down', 'up'.* found 'sideways'",
        ),
        ([("only", "up")], [("only", "up")], r"train\.parquet: expected at least two labels .* only 'up'"),
        ([], classified(), r"train\.parquet: expected rows to learn from, found none"),
        (classified(), [], r"validation\.parquet: expected rows to learn from, found none"),
        ([(None, "up")], classified(), r"train\.parquet: row 0: expected text in column input, found null"),
    ],
)
def test_rows_that_cannot_be_learned_are_named(bases, tmp_path, train, validation, message) -> None:
    data = write_task(tmp_path, train, validation)
    with pytest.raises(UserError, match=message):
        Task(params_for(bases / "encoder"), 1, data)


def test_a_base_that_is_not_one_is_named(bases, tmp_path) -> None:
    data = write_task(tmp_path / "data", classified(), classified())
    with pytest.raises(UserError, match=r"nowhere: expected a model directory with config\.json"):
        Task(params_for(tmp_path / "nowhere"), 1, data)
    with pytest.raises(
        UserError, match="expected an encoder-decoder for generation, found a modernbert model"
    ):
        load_model(bases / "encoder", "generation", [], None, False, 1)
    with pytest.raises(UserError, match=r"train\.parquet: not found"):
        Task(params_for(bases / "encoder"), 1, tmp_path / "absent")
    (bases / "decoder" / "model.safetensors").rename(tmp_path / "away")
    with pytest.raises(UserError, match="expected weights as safetensors, found none"):
        load_model(bases / "decoder", "classification", ["a", "b"], None, False, 1)
