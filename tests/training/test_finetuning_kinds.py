"""Label sets, tags and answers are learned, and what is saved answers like what was validated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from textmill.config.finetune import Finetune
from textmill.corpus.shards import write_table
from textmill.errors import UserError
from textmill.evaluation.extraction import extract
from textmill.evaluation.label_sets import label_sets
from textmill.evaluation.tagging import tag
from textmill.files import read_json
from textmill.modeling.architectures import Shape, build
from textmill.modeling.saving import save_model
from textmill.modeling.targets import Answer, read_answers, units, write_answers, write_labels
from textmill.progress import Progress
from textmill.tokenization.bpe import assemble
from textmill.tokenization.directory import save_tokenizer
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.finetuning.load import load_objective
from textmill.training.finetuning.run import finetune


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bases") / "encoder"
    torch.manual_seed(1)
    model = build("encoder", Shape(1, 32, 2, 48, 64, 294))
    save_model(model, folder, lambda to: save_tokenizer(assemble([]), to, "encoder", 64))
    return folder


def write_task(folder: Path, **splits: list[tuple[str, str]]) -> Path:
    schema = pa.schema([("input", pa.large_string()), ("target", pa.large_string())])
    for split, rows in splits.items():
        columns = {"input": [text for text, _ in rows], "target": [answer for _, answer in rows]}
        write_table(folder / f"{split}.parquet", pa.table(columns, schema=schema))
    return folder


def params_for(base: Path, objective: str, **changes: Any) -> Finetune:
    settings = {
        "task": "t", "base": str(base), "objective": objective, "epochs": 20.0, "batch": 8,
        "learning_rate": 0.01, "embedding_learning_rate": 0.01, "max_input_tokens": 48, "validations": 2,
    }  # fmt: skip
    return Finetune(**{**settings, **changes})


def run(params: Finetune, data: Path, folder: Path) -> dict[str, Any]:
    prepare(1, 5)
    return finetune(
        load_objective(params, 5, data), folder / "model", False, Checkpoints("f", "k", folder),
        Spool("f", directory=folder), Progress("test"),
    )  # fmt: skip


FACETS = [
    ("good cheap food", ["price", "taste"]), ("good food", ["taste"]), ("cheap shop", ["price"]),
    ("a shop", []),
    ("便宜又好吃", ["price", "taste"]), ("好吃的面", ["taste"]), ("便宜的店", ["price"]), ("一家店", []),
]  # fmt: skip


def test_label_sets_are_learned_and_thresholds_saved(encoder, tmp_path) -> None:
    from transformers import AutoModelForSequenceClassification

    rows = [(text, write_labels(labels)) for text, labels in FACETS]
    data = write_task(tmp_path / "data", train=rows * 6, validation=rows)
    report = run(params_for(encoder, "multilabel", best="macro_f1"), data, tmp_path)
    assert report["validation_macro_f1"] == report["validation_micro_f1"] == 1.0
    found = label_sets(tmp_path / "model", [text for text, _ in rows])
    assert found == [target for _, target in rows]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    assert model.config.problem_type == "multi_label_classification"
    assert model.config.thresholds == report["thresholds"] and set(report["thresholds"]) == {"price", "taste"}
    ids, labels = torch.tensor([[40, 41, 42]]), torch.tensor([[1.0, 0.0]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(model.eval()(ids).logits, labels)
    assert float(model(ids, labels=labels).loss) == pytest.approx(float(expected))


TAGGED = [
    ("Li is in Rome.", "B-PER O O B-LOC O"), ("Ann saw New York.", "B-PER O B-LOC I-LOC O"),
    ("李明在北京。", "B-PER I-PER O B-LOC I-LOC O"), ("上海有王芳", "B-LOC I-LOC O B-PER I-PER"),
]  # fmt: skip


def test_tags_are_learned_and_a_long_text_is_tagged_whole(encoder, tmp_path) -> None:
    from transformers import AutoModelForTokenClassification

    texts, tags = (list(side) for side in zip(*TAGGED, strict=True))
    long, wanted = " ".join(texts * 6), " ".join(tags * 6)
    data = write_task(tmp_path / "data", train=TAGGED * 8 + [(long, wanted)] * 2, validation=TAGGED)
    report = run(params_for(encoder, "tagging", best="span_f1", epochs=40.0), data, tmp_path)
    assert report["validation_span_f1"] == report["validation_accuracy"] == 1.0
    assert tag(tmp_path / "model", texts) == tags
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "model")
    assert model.config.id2label[0] == "O" and model.config.window_tokens == 48
    found = tag(tmp_path / "model", [long, ""])
    assert len(found[0].split()) == len(units(long)) > 48 and found[1] == ""
    right = sum(a == b for a, b in zip(found[0].split(), wanted.split(), strict=True))
    assert right / len(wanted.split()) > 0.8


def test_a_long_row_is_learned_in_windows_that_lose_no_unit(encoder, tmp_path) -> None:
    long = (" ".join(text for text, _ in TAGGED * 3), " ".join(target for _, target in TAGGED * 3))
    data = write_task(tmp_path / "data", train=[long], validation=TAGGED)
    objective = load_objective(params_for(encoder, "tagging"), 1, data)
    labelled = sum(sum(mark >= 0 for mark in marks) for marks in objective.train.targets)
    assert labelled == len(units(long[0]))
    assert max(map(len, objective.train.inputs)) <= 48 and len(objective.train.inputs) > 2


def questions() -> list[tuple[str, str]]:
    rows = []
    for name, place, year in (("Ann", "Rome", "1998"), ("Bob", "Oslo", "2004"), ("Cy", "北京", "1949")):
        context = f"{name} was born in {place} in {year}."
        for asked, answer in (("where?", place), ("when?", year)):
            rows.append((f"{asked}\n{context}", write_answers([Answer(answer, context.index(answer))])))
        rows.append((f"why?\n{context}", "[]"))
    return rows


def test_answers_are_found_and_silence_where_there_is_none(encoder, tmp_path) -> None:
    from transformers import AutoModelForQuestionAnswering

    rows = questions()
    data = write_task(tmp_path / "data", train=rows * 4, validation=rows)
    params = params_for(
        encoder, "extraction", best="overlap_f1", epochs=40.0, max_input_tokens=64, max_target_tokens=8
    )
    report = run(params, data, tmp_path)
    assert report["validation_overlap_f1"] > 0.9
    found = extract(tmp_path / "model", [text for text, _ in rows])
    wanted = [next((answer.text for answer in read_answers(target)), "") for _, target in rows]
    assert sum(a == b for a, b in zip(found, wanted, strict=True)) >= 8
    config = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model").config
    assert config.answer_threshold == report["answer_threshold"] and config.answer_tokens == 8
    saved = read_json(tmp_path / "model/tokenizer_config.json")
    assert saved["model_input_names"] == ["input_ids", "attention_mask"]


@pytest.mark.parametrize(
    ("objective", "train", "validation", "message"),
    [
        ("multilabel", [("a", "[]")], [("a", "[]")], r"train\.parquet: expected rows with labels"),
        (
            "multilabel",
            [("a", '["x"]')],
            [("a", '["y"]')],
            r"validation\.parquet: row 0: expected labels seen in training \('x'\), found 'y'",
        ),
        ("tagging", [("a b", "O O")], [("a", "O")], r"train\.parquet: expected tags that begin spans"),
        ("tagging", [("a b", "B-X")], [("a", "O")], r"row 0: expected a tag for each of 2 units, found 1"),
        ("tagging", [("a", "B-X")], [("a", "B-Y")], r"validation\.parquet: row 0: .* found 'B-Y'"),
        ("extraction", [("a?\nb", "[]")], [("a?\nb", "[]")], r"train\.parquet: expected answers of at most"),
        ("extraction", [], [("a?\nb", "[]")], r"train\.parquet: expected rows to learn from, found none"),
    ],
)
def test_rows_that_cannot_be_learned_are_named(
    encoder, tmp_path, objective, train, validation, message
) -> None:
    data = write_task(tmp_path, train=train, validation=validation)
    with pytest.raises(UserError, match=message):
        load_objective(params_for(encoder, objective), 1, data)
