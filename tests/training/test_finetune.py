"""Fine-tuning: labels and losses are right, the control is the same recipe, mistakes are named."""

from __future__ import annotations

import shutil
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
from textmill.training.finetuning.load import load_objective
from textmill.training.finetuning.run import finetune

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
    return finetune(
        load_objective(params, 5, data), folder / "model", is_control, Checkpoints("f", "k", folder),
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
    arguments = (bases / "encoder", "SequenceClassification", ["down", "up"], None)
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
    config = load_model(bases / "encoder", "SequenceClassification", ["a", "b"], 0.3, False, 1).config
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
        load_objective(params_for(bases / "encoder"), 1, data)


def test_a_base_that_is_not_one_is_named(bases, tmp_path) -> None:
    data = write_task(tmp_path / "data", classified(), classified())
    with pytest.raises(UserError, match=r"nowhere: expected a model directory with config\.json"):
        load_objective(params_for(tmp_path / "nowhere"), 1, data)
    with pytest.raises(
        UserError, match="expected an encoder-decoder or a decoder for generation, found a modernbert model"
    ):
        load_model(bases / "encoder", "Seq2SeqLM", [], None, False, 1)
    with pytest.raises(UserError, match=r"train\.parquet: not found"):
        load_objective(params_for(bases / "encoder"), 1, tmp_path / "absent")
    shutil.copytree(bases / "decoder", tmp_path / "decoder")
    (tmp_path / "decoder" / "model.safetensors").unlink()
    with pytest.raises(UserError, match="expected weights as safetensors, found none"):
        load_model(tmp_path / "decoder", "SequenceClassification", ["a", "b"], None, False, 1)
    (tmp_path / "decoder" / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(UserError, match=r"pytorch_model\.bin is in a format that can run code"):
        load_model(tmp_path / "decoder", "SequenceClassification", ["a", "b"], None, False, 1)
    with pytest.raises(UserError, match="expected a decoder, found a modernbert model"):
        load_model(bases / "encoder", "CausalLM", [], None, False, 1)
    with pytest.raises(UserError, match="transformers has a class for MaskedLM of, found a llama model"):
        load_model(bases / "decoder", "MaskedLM", [], None, False, 1)


def test_a_tokenizer_of_another_model_is_refused(bases, tmp_path) -> None:
    base = tmp_path / "base"
    shutil.copytree(bases / "encoder", base)
    save_tokenizer(assemble([("a", "b"), ("c", "d")]), base, "encoder", 64)
    data = write_task(tmp_path / "data", classified(), classified())
    with pytest.raises(UserError, match="the tokenizer has 296 tokens and the model embeddings for 294"):
        run_finetune(params_for(base), data, tmp_path)


def answers_of(directory: Path, texts: list[str]) -> list[str]:
    """What transformers alone makes of a decoder's directory and its chat template."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = (kind.from_pretrained(directory) for kind in (AutoModelForCausalLM, AutoTokenizer))
    outputs = []
    for text in texts:
        messages = [{"role": "user", "content": text}]
        asked = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        tokens = model.eval().generate(**asked, max_new_tokens=20, do_sample=False)
        outputs.append(tokenizer.decode(tokens[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return outputs


PAIRS = [("Save", "保存"), ("Open file", "打开文件"), ("Close", "关闭")]


def answering(base: Path, **changes) -> Finetune:
    settings = {
        "objective": "generation", "epochs": 60.0, "batch": 16, "optimizer": "adamw", "max_target_tokens": 20,
    }  # fmt: skip
    return params_for(base, **{**settings, **changes})


def test_a_decoder_learns_to_answer_and_adapters_teach_it_other_answers(bases, tmp_path) -> None:
    """Its directory says how to ask it: transformers alone gets the answers."""
    from textmill.evaluation.generation import generate

    texts, targets = map(list, zip(*PAIRS, strict=True))
    data = write_task(tmp_path / "data", PAIRS * 16, PAIRS)
    report = run_finetune(answering(bases / "decoder"), data, tmp_path)
    assert report["validation_loss"] < 0.2 and report["trained_parameters"] == report["parameters"]
    learned = tmp_path / "model"
    assert generate(learned, texts, max_new_tokens=20) == answers_of(learned, texts) == targets

    turned = list(zip(texts, targets[::-1], strict=True))
    data = write_task(tmp_path / "turned", turned * 16, turned)
    params = answering(learned, tuning="lora", lora={"rank": 8}, learning_rate=0.02)
    report = run_finetune(params, data, tmp_path / "lora")
    assert report["validation_loss"] < 0.5 and report["trained_parameters"] < 0.3 * report["parameters"]
    assert answers_of(tmp_path / "lora/model", texts) == targets[::-1]


def test_only_answers_count_in_a_decoders_loss(bases) -> None:
    from transformers import AutoModelForCausalLM

    from textmill.training.objectives import answer_loss

    model = AutoModelForCausalLM.from_pretrained(bases / "decoder").eval()
    with torch.no_grad():
        model.lm_head.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    inputs = np.array([[40, 41, 5, 50, 51, 2, 0, 0], [60, 5, 70, 2, 0, 0, 0, 0]])
    attention = (inputs != 0).astype(np.int64)
    labels = np.array(
        [[-100, -100, -100, 50, 51, 2, -100, -100], [-100, -100, 70, 2, -100, -100, -100, -100]]
    )
    logits = model(torch.from_numpy(inputs), attention_mask=torch.from_numpy(attention)).logits
    rows = [(row, place) for row, places in ((0, (3, 4, 5)), (1, (2, 3))) for place in places]
    expected = [-logits[row, at - 1].log_softmax(-1)[inputs[row, at]].item() for row, at in rows]
    found = answer_loss(model, inputs, attention, labels).item()
    assert found == pytest.approx(sum(expected) / len(expected), rel=1e-5)


def test_merged_adapters_compute_what_the_model_with_adapters_did(bases) -> None:
    from textmill.config.finetune import Lora
    from textmill.modeling.adapters import adapt

    model = load_model(bases / "encoder", "SequenceClassification", ["down", "up"], None, False, 3)
    plain = adapt(model, "lora", Lora(rank=4))
    torch.manual_seed(2)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.2)
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert {name for name in trained if "lora" not in name} == {"classifier.weight", "classifier.bias"}
    ids = torch.randint(40, 290, (3, 12))
    with torch.no_grad():
        before = model.eval()(ids).logits
        merged = plain()
        after = merged(ids).logits
    assert torch.allclose(before, after, atol=1e-5)
    assert not [name for name, _ in merged.named_parameters() if "lora" in name]


def test_a_probe_trains_the_last_layer_and_nothing_else(bases, tmp_path) -> None:
    from safetensors.torch import load_file

    data = write_task(tmp_path / "data", classified() * 8, classified())
    report = run_finetune(params_for(bases / "encoder", tuning="probe", optimizer="adamw"), data, tmp_path)
    assert report["trained_parameters"] == 2 * 32 + 2
    before, after = (
        load_file(bases / "encoder/model.safetensors"),
        load_file(tmp_path / "model/model.safetensors"),
    )
    shared = before.keys() & after.keys()
    assert len(shared) > 8 and all(torch.equal(before[name], after[name]) for name in shared)


@pytest.mark.parametrize(
    ("base", "changes", "message"),
    [
        ("seq2seq", {"objective": "generation", "tuning": "probe"}, "this model has none"),
        (
            "encoder",
            {"tuning": "lora", "lora": {"layers": ["nothing"]}},
            r"lora\.layers: nothing: expected names of linear layers: .*Wqkv",
        ),
        (
            "encoder",
            {"max_input_tokens": 65},
            r"reads 64 tokens; expected max_input_tokens \(65\) to be no more",
        ),
        (
            "decoder",
            {"objective": "generation", "max_target_tokens": 40},
            r"reads 64 tokens; expected max_input_tokens \(40\) and max_target_tokens \(40\) to fit",
        ),
    ],
)
def test_tunings_that_do_not_fit_are_named(bases, tmp_path, base, changes, message) -> None:
    rows = classified() if "objective" not in changes else PAIRS
    data = write_task(tmp_path / "data", rows * 2, rows)
    with pytest.raises(UserError, match=message):
        run_finetune(params_for(bases / base, **changes), data, tmp_path)


def test_a_long_request_keeps_its_frame(bases) -> None:
    from transformers import AutoTokenizer

    from textmill.modeling.prompts import prompt, with_template

    tokenizer = with_template(AutoTokenizer.from_pretrained(bases / "decoder"))
    whole = prompt(tokenizer, "Save 保存", 40)
    assert tokenizer.decode(whole) == "Save 保存<sep>"
    cut = prompt(tokenizer, "Save everything now", 9)
    assert len(cut) == 9 and tokenizer.decode(cut) == "Save eve<sep>"


def test_validation_figures_are_scikit_learns_and_a_run_that_gets_no_better_ends(bases, tmp_path) -> None:
    from sklearn.metrics import accuracy_score, f1_score
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    rows = [*classified(), ("good bad", "mixed"), ("好，难", "mixed"), ("bad good", "mixed")]
    data = write_task(tmp_path / "data", rows * 8, [*rows, ("good", "mixed"), ("bad", "up")])
    params = params_for(bases / "encoder", best="macro_f1", patience=2, validations=20, epochs=40.0)
    report = run_finetune(params, data, tmp_path)
    assert report["last_step"] - report["best_step"] == 2 * 22 and report["last_step"] < report["steps"]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    texts, labels = zip(*rows, ("good", "mixed"), ("bad", "up"), strict=True)
    found = model(**tokenizer(list(texts), return_tensors="pt", padding=True)).logits.argmax(dim=1).tolist()
    answers = [model.config.id2label[number] for number in found]
    assert report["validation_macro_f1"] == pytest.approx(f1_score(labels, answers, average="macro"))
    assert report["validation_accuracy"] == pytest.approx(accuracy_score(labels, answers))


def test_an_early_end_survives_a_kill_between_validation_and_end(bases, tmp_path) -> None:
    data = write_task(tmp_path / "data", classified() * 8, classified())
    params = params_for(bases / "encoder", best="accuracy", patience=1, validations=10, epochs=20.0)
    whole = run_finetune(params, data, tmp_path / "one")
    again = run_finetune(params, data, tmp_path / "one")
    assert again == whole and whole["last_step"] < whole["steps"]


@pytest.mark.parametrize("rows_at_once", [None, 3])
def test_balanced_weights_are_scikit_learns_whole_or_in_parts(bases, tmp_path, rows_at_once) -> None:
    from sklearn.utils.class_weight import compute_class_weight

    rows = [*classified(), *[("good", "up")] * 20]
    data = write_task(tmp_path / "data", rows, classified())
    params = params_for(bases / "encoder", class_weights="balanced", batch=28, precision="fp32", dropout=0.0)
    prepare(1, 5)
    task = load_objective(params, 5, data)
    model = load_model(params.base, "SequenceClassification", task.labels, 0.0, False, 5).eval()
    batch = task.batch(model, 0, rows_at_once)
    found = sum(part.share * float(part.loss()) for part in batch.parts)
    inputs, attention, labels = task.train.step(0)
    logits = model(torch.from_numpy(inputs), attention_mask=torch.from_numpy(attention)).logits
    weight = compute_class_weight("balanced", classes=np.arange(2), y=np.asarray(task.train.targets))
    expected = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(labels), weight=torch.from_numpy(weight).float()
    )
    assert found == pytest.approx(float(expected), rel=1e-5)
    assert len(batch.parts) == (1 if rows_at_once is None else 10)


def test_figures_of_classification_are_refused_for_generation() -> None:
    from textmill.config.load import validated

    section = {
        "task": "t",
        "base": "b",
        "objective": "generation",
        "epochs": 1.0,
        "batch": 2,
        "learning_rate": 0.1,
    }
    with pytest.raises(UserError, match="best: expected one of loss for generation"):
        validated(Finetune, {**section, "best": "macro_f1"}, "params.yaml: finetune.x")
    with pytest.raises(UserError, match="class_weights are of classification"):
        validated(Finetune, {**section, "class_weights": "balanced"}, "params.yaml: finetune.x")
    with pytest.raises(UserError, match="expected one of classification, generation"):
        validated(Finetune, {**section, "objective": "guessing"}, "params.yaml: finetune.x")
