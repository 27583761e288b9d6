"""Batched predictions equal those of the same model, one item at a time."""

import pytest
import torch
import transformers

from textmill.errors import UserError
from textmill.evaluation.batches import batches_by_length
from textmill.evaluation.classify import classify
from textmill.evaluation.generation import generate

INPUTS = [
    "A wonderful film.",
    "Dull",
    "打开文件,保存文件。" * 3,
    "The kernel has died, it will restart automatically. " * 4,
    "关闭",
    "Save the notebook before closing the window.",
]


def test_batches_hold_every_item_once_within_the_budget():
    lengths = [3, 50, 7, 7, 12, 200, 1]
    batches = list(batches_by_length(lengths, 60))
    assert sorted(row for batch in batches for row in batch) == list(range(7))
    assert batches[0] == [5]
    assert all(len(batch) * max(lengths[row] for row in batch) <= 60 for batch in batches[1:])


@pytest.mark.parametrize("batch_tokens", [64, 4096])
def test_classify_equals_one_at_a_time(classifier, tokenizer, batch_tokens):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier).eval()
    expected = []
    for text in INPUTS:
        encoded = tokenizer(text, truncation=True, max_length=64, return_tensors="pt")
        with torch.inference_mode():
            expected.append(model.config.id2label[model(**encoded).logits.argmax().item()])
    assert len(set(expected)) == 2
    assert classify(classifier, INPUTS, batch_tokens=batch_tokens) == expected


@pytest.mark.parametrize("beams", [1, 3])
def test_generate_equals_one_at_a_time(seq2seq, tokenizer, beams):
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(seq2seq).eval()
    expected = []
    for text in INPUTS:
        encoded = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
        tokens = model.generate(**encoded, num_beams=beams, do_sample=False, max_new_tokens=12)
        expected.append(tokenizer.decode(tokens[0], skip_special_tokens=True).strip())
    assert len(set(expected)) > 3
    assert generate(seq2seq, INPUTS, beams=beams, max_new_tokens=12, batch_tokens=256) == expected


def test_models_that_cannot_be_asked_are_named(decoder, encoder):
    with pytest.raises(UserError, match="or a decoder with a chat template, found a decoder without"):
        generate(decoder, INPUTS)
    with pytest.raises(UserError, match="found an encoder"):
        generate(encoder, INPUTS)


def test_a_directory_without_model_is_named(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}: expected a tokenizer"):
        classify(tmp_path, INPUTS)
