"""The predictor gives what transformers gives, in whatever order and batch the texts come."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = ["Save the file", "", "关闭窗口", "A fine film that goes on and on and on", "保存"]


def load(directory, **config):
    from textmill.registry.predictor import TextModel

    model = TextModel()
    model.load_context(SimpleNamespace(artifacts={"model": str(directory)}, model_config=config))
    return model


def ask(model, texts, **params):
    return model.predict(None, pd.DataFrame({"text": texts}), params)


def test_labels_are_those_of_transformers(models):
    directory = models / "classification"
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    reference = transformers.AutoModelForSequenceClassification.from_pretrained(directory).eval()
    found = ask(load(directory), TEXTS, batch_size=2)
    for text, (label, score, scores) in zip(TEXTS, found.itertuples(index=False), strict=True):
        ids = tokenizer(text or "<eos>", return_tensors="pt").input_ids
        with torch.inference_mode():
            expected = reference(input_ids=ids).logits.softmax(-1)[0]
        assert list(scores) == ["negative", "positive"]
        assert list(scores.values()) == pytest.approx(expected.tolist(), abs=1e-5)
        assert (scores[label], score) == (max(scores.values()), scores[label])


@pytest.mark.parametrize("kind", ["generation", "causal"])
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("has_textmill", [True, False])
def test_texts_are_those_of_generate(models, kind, beams, has_textmill, monkeypatch):
    if not has_textmill:
        monkeypatch.setitem(sys.modules, "textmill.modeling.decoding", None)
    loader = transformers.AutoModelForSeq2SeqLM if kind == "generation" else transformers.AutoModelForCausalLM
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / kind)
    reference = loader.from_pretrained(models / kind).eval()
    found = ask(load(models / kind, max_new_tokens=6, num_beams=beams), TEXTS)["text"].tolist()
    for text, produced in zip(TEXTS, found, strict=True):
        batch = tokenizer(text or "<eos>", return_tensors="pt", return_token_type_ids=False)
        ids = reference.generate(**batch, max_new_tokens=6, num_beams=beams, do_sample=False, pad_token_id=0)[
            0
        ]
        start = batch["input_ids"].shape[1] if kind == "causal" else 0
        assert produced == tokenizer.decode(ids[start:], skip_special_tokens=True).strip()


def test_params_go_before_the_settings_of_the_evaluation(models):
    model = load(models / "causal", max_new_tokens=2)
    short = ask(model, ["A fine film"])["text"][0]
    longer = ask(model, ["A fine film"], max_new_tokens=12)["text"][0]
    assert len(longer) > len(short) and ask(model, ["A fine film"], max_new_tokens=0)["text"][0] == short


def test_a_decoder_goes_on_from_the_end_of_a_long_input(models):
    model = load(models / "causal", max_input_tokens=24, max_new_tokens=8)
    ids = model.tokenizer("保存 the window " * 20)["input_ids"]
    kept = model.tokenizer.decode(ids[-16:])
    long, short = ask(model, [model.tokenizer.decode(ids), kept])["text"]
    assert long == short


@given(order=st.permutations(range(len(TEXTS))), batch=st.integers(1, 6))
@settings(max_examples=10, deadline=None)
def test_answers_follow_their_texts(classifier, order, batch):
    straight = ask(classifier, TEXTS, batch_size=1)["score"].tolist()
    mixed = ask(classifier, [TEXTS[place] for place in order], batch_size=batch)["score"].tolist()
    assert mixed == pytest.approx([straight[place] for place in order], abs=1e-5)


@pytest.fixture(scope="module")
def classifier(models):
    return load(models / "classification")


def test_an_encoder_without_a_task_is_refused(models, tmp_path):
    config = transformers.BertConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="BertForMaskedLM does not predict text"):
        load(tmp_path)


def of_kind(models, folder, loader, **changes):
    """A model with random weights in the shape of the classifier, and its tokenizer."""
    base = models / "classification"
    config = transformers.AutoConfig.from_pretrained(base)
    for name, value in changes.items():
        setattr(config, name, value)
    torch.manual_seed(3)
    getattr(transformers, loader).from_config(config).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def test_label_sets_go_by_the_thresholds_of_the_config(models, tmp_path):
    folder = of_kind(
        models, tmp_path / "m", "AutoModelForSequenceClassification",
        problem_type="multi_label_classification", thresholds={"negative": 0.0, "positive": 1.1},
    )  # fmt: skip
    found = ask(load(folder), TEXTS)
    assert found["labels"].tolist() == ["negative"] * len(TEXTS)
    assert all(0 < value < 1 for row in found["probabilities"] for value in row.values())


def test_tags_and_answers_are_those_of_the_evaluation(models, tmp_path):
    from textmill.evaluation.extraction import extract
    from textmill.modeling.targets import units

    tagger = of_kind(models, tmp_path / "t", "AutoModelForTokenClassification")
    tags = ask(load(tagger), TEXTS)["tags"].tolist()
    assert [len(row.split()) for row in tags] == [len(units(text)) for text in TEXTS]
    reader = of_kind(models, tmp_path / "q", "AutoModelForQuestionAnswering", num_labels=2)
    questions = ["who?\nThe man saw the sea.", "谁？\n他看见了大海。"]
    found = ask(load(reader), questions)["text"].tolist()
    assert found == extract(reader, questions)
    assert all(answer and answer in text for answer, text in zip(found, questions, strict=True))
