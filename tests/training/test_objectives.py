"""Losses equal to those the Hugging Face models compute themselves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from textmill.config.pretrain import STYLES
from textmill.modeling.architectures import Shape, build
from textmill.tokenization.special import EOS
from textmill.training.corruption import IGNORED, corrupt_spans, framed, infill_spans, mask_tokens
from textmill.training.objectives import document_places, masked_token_loss, next_token_loss, target_loss
from textmill.training.padding import pad_rows
from textmill.training.randomness import generator

SHAPE = Shape(layers=2, hidden=32, heads=2, feed_forward=48, positions=64, vocab_size=300)


def model_of(architecture, style=None):
    torch.manual_seed(1)
    model = build(architecture, SHAPE, style).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, 0, 0.1)
    return model


IDS = np.random.default_rng(0).integers(38, 300, (3, 40))


@pytest.mark.parametrize("style", ["llama", "gpt2"])
def test_next_token_loss(style) -> None:
    model = model_of("decoder", style)
    tokens = torch.from_numpy(IDS)
    expected = model(input_ids=tokens, labels=tokens).loss
    assert next_token_loss(model, IDS).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("style", ["modernbert", "bert"])
def test_masked_token_loss(style) -> None:
    model = model_of("encoder", style)
    inputs, labels = mask_tokens(framed(IDS), generator(2), 0.3, 300)
    expected = model(input_ids=torch.from_numpy(inputs), labels=torch.from_numpy(labels)).loss
    assert masked_token_loss(model, inputs, labels).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(("smoothing", "style"), [(0.0, "t5"), (0.1, "t5"), (0.1, "bart")])
def test_target_loss_ignores_padding(smoothing, style) -> None:
    model = model_of("seq2seq", style)
    inputs, attention = pad_rows([row[: 10 + 9 * number] for number, row in enumerate(IDS.tolist())])
    labels, _ = pad_rows([row[: 5 + 4 * number] for number, row in enumerate(IDS.tolist())], is_label=True)
    output = model(
        input_ids=torch.from_numpy(inputs),
        attention_mask=torch.from_numpy(attention),
        labels=torch.from_numpy(labels),
    )
    expected = torch.nn.functional.cross_entropy(
        output.logits.flatten(0, 1), torch.from_numpy(labels).flatten(), label_smoothing=smoothing
    )
    found = target_loss(model, inputs, attention, labels, smoothing)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("style", ["t5", "bart"])
def test_denoising_reads_rectangles(style) -> None:
    inputs, targets = corrupt_spans(IDS, generator(1), 0.2, 3)
    model = model_of("seq2seq", style)
    assert torch.isfinite(target_loss(model, inputs, np.ones_like(inputs), targets))
    assert torch.isfinite(target_loss(model, *infill_spans(IDS, generator(1), 0.3, 3)))


@pytest.mark.parametrize("style", ["llama", "gpt2", "modernbert", "bert", "t5", "bart"])
def test_a_saved_model_loads_by_from_pretrained_alone(style, tmp_path) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

    from textmill.modeling.saving import save_model
    from textmill.tokenization.bpe import assemble
    from textmill.tokenization.directory import save_tokenizer

    architecture = next(name for name, styles in STYLES.items() if style in styles)
    model = model_of(architecture, style)
    for name in ("first", "second"):
        save_model(
            model, tmp_path / name, lambda folder: save_tokenizer(assemble([]), folder, architecture, 64)
        )
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert "model.safetensors" in files and "tokenizer.json" in files
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
        assert str(tmp_path).encode() not in (tmp_path / "first" / name).read_bytes()
    auto = {
        "decoder": AutoModelForCausalLM,
        "encoder": AutoModelForMaskedLM,
        "seq2seq": AutoModelForSeq2SeqLM,
    }
    loaded = auto[architecture].from_pretrained(tmp_path / "first").eval()
    feed = {"input_ids": torch.from_numpy(IDS)}
    if architecture == "seq2seq":
        feed["decoder_input_ids"] = feed["input_ids"][:, :5]
    assert torch.allclose(loaded(**feed).logits, model(**feed).logits, atol=1e-5)


def test_places_begin_anew_behind_every_end() -> None:
    ids = np.array([[9, 2, 8, 8, 2, 2, 7], [2, 8, 8, 8, 8, 8, 2]])
    documents, places = document_places(ids, end=2)
    assert documents.tolist() == [[0, 0, 1, 1, 1, 2, 3], [0, 1, 1, 1, 1, 1, 1]]
    assert places.tolist() == [[0, 1, 0, 1, 2, 0, 0], [0, 0, 1, 2, 3, 4, 5]]


def packed() -> list[np.ndarray]:
    """Three documents, each with its end, and a fourth that is cut off."""
    random = np.random.default_rng(3)
    return [np.append(random.integers(38, 300, size), EOS) for size in (9, 1, 14)] + [
        random.integers(38, 300, 8)
    ]


@pytest.mark.parametrize("style", ["llama", "gpt2"])
def test_a_decoder_sees_no_other_document_of_its_window(style) -> None:
    model, documents = model_of("decoder", style), packed()
    window = np.concatenate(documents)[None]
    # Alone, a document's first token has nothing to be predicted from; packed, the end before it stands in.
    alone = [next_token_loss(model, ids[None], EOS).item() * (len(ids) - 1) for ids in documents]
    links = 0.0
    for before, after in pairwise(documents):
        logits = model(torch.from_numpy(before[None])).logits[0, -1]
        links -= logits.log_softmax(-1)[after[0]].item()
    found = next_token_loss(model, window, EOS).item()
    assert found == pytest.approx((sum(alone) + links) / (window.size - 1), rel=1e-5)
    assert next_token_loss(model, window).item() != pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize("style", ["modernbert", "bert"])
def test_an_encoder_sees_no_other_document_of_its_window(style) -> None:
    model, documents = model_of("encoder", style), packed()
    window = np.concatenate(documents)[None]
    inputs, labels = mask_tokens(window, generator(2), 0.4, 300)
    found, other = masked_token_loss(model, inputs, labels, EOS).item(), inputs.copy()
    total, start = 0.0, 0
    for ids in documents:
        part = slice(start, start + len(ids))
        wanted = labels[:, part]
        if (wanted != IGNORED).any():
            # Positions are relative or begin anew, so a document alone is the same as one further on.
            total += masked_token_loss(model, inputs[:, part], wanted, EOS).item() * (wanted != IGNORED).sum()
        start += len(ids)
    assert found == pytest.approx(total / (labels != IGNORED).sum(), rel=1e-4)
    other[0, :5] = 40
    last = np.where(np.arange(window.size) >= start - 8, labels, IGNORED)
    assert (
        masked_token_loss(model, other, last, EOS).item()
        == masked_token_loss(model, inputs, last, EOS).item()
    )
    assert masked_token_loss(model, other, last).item() != masked_token_loss(model, inputs, last).item()
