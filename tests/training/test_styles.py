"""Every style is pretrained and read again, and a model goes on from given weights where they fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from textmill.config.load import validated
from textmill.config.pretrain import Pretrain
from textmill.errors import UserError
from textmill.progress import Progress
from textmill.training.checkpoints import Checkpoints
from textmill.training.device import prepare
from textmill.training.events import Spool
from textmill.training.pretrain_run import pretrain

PARAMS = {
    "architecture": "decoder", "layers": 1, "hidden": 32, "heads": 2, "feed_forward": 48, "context": 32,
    "batch": 8, "steps": 40, "learning_rate": 0.02, "embedding_learning_rate": 0.01, "validations": 2,
    "validation_tokens": 600, "checkpoint_seconds": 1e9,
}  # fmt: skip
NO_SIZES = {"layers": None, "hidden": None, "heads": None, "feed_forward": None}


def run(tokens: Path, folder: Path, **changes) -> dict:
    prepare(1, 11)
    return pretrain(
        Pretrain(**{**PARAMS, **changes}), 11, tokens / "tokens", tokens / "tokenizer", folder / "model",
        Checkpoints("p", "k", folder / "checkpoints"), Spool("p", directory=folder), Progress("test"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def styles(token_folder, tmp_path_factory) -> dict[str, tuple[Path, dict]]:
    """A model of each new style, with its report."""
    found = {}
    for style, architecture in (("gpt2", "decoder"), ("bert", "encoder"), ("bart", "seq2seq")):
        folder = tmp_path_factory.mktemp(style)
        report = run(token_folder, folder, architecture=architecture, style=style, first_line=0.2)
        found[style] = folder / "model", report
    return found


@pytest.mark.parametrize("style", ["gpt2", "bert", "bart"])
def test_each_style_learns(styles, style) -> None:
    folder, report = styles[style]
    assert report["validation_loss"] < 0.8 * report["curve"][0]["loss"]
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == style
    assert config.get("denoising") == ("infilling" if style == "bart" else None)


def test_a_rebuilding_model_is_asked_to_rebuild(styles, token_folder) -> None:
    """Its losses are those of transformers on one mask per span and the whole text, at hidden tokens."""
    import numpy as np

    from textmill.evaluation.denoising_model import hidden_spans, seq2seq_losses
    from textmill.evaluation.loading import load_model
    from textmill.evaluation.token_documents import draw_documents, read_documents
    from textmill.tokenization.special import EOS, MASK

    model = load_model(styles["bart"][0], "Seq2SeqLM", 1)
    documents = draw_documents(read_documents(token_folder / "tokens" / "validation"), 200, 3)
    hidden = hidden_spans(documents, 24, 0.3, 3.0, 32, 5)
    losses, right = seq2seq_losses(model, documents, hidden, [6, 7], EOS, 24, 400, mask=MASK)
    expected = []
    for start, end in zip(documents.starts[:-1].tolist(), documents.starts[1:].tolist(), strict=True):
        for begin in range(start, end, 24):
            piece = slice(begin, min(begin + 24, end))
            text, gone = documents.tokens[piece].tolist(), hidden[piece].tolist()
            if not any(gone):
                continue
            source = []
            for token, hide in zip(text, gone, strict=True):
                if not hide:
                    source.append(token)
                elif not source or source[-1] != MASK:
                    source.append(MASK)
            target = torch.tensor([[*text, EOS]])
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*source, EOS]]), labels=target).logits
            nats = torch.nn.functional.cross_entropy(logits[0], target[0], reduction="none")
            expected += nats[:-1][torch.tensor(gone)].tolist()
    assert len(expected) == hidden.sum() == len(right)
    assert losses == pytest.approx(np.array(expected), rel=1e-4)


@pytest.mark.parametrize("style", ["gpt2", "bert", "bart"])
def test_a_model_goes_on_from_given_weights(styles, token_folder, tmp_path, style) -> None:
    folder, before = styles[style]
    changes = {"architecture": before["architecture"], "base": str(folder), "steps": 2, **NO_SIZES}
    after = run(token_folder, tmp_path, learning_rate=1e-6, embedding_learning_rate=1e-6, **changes)
    assert after["validation_loss"] == pytest.approx(before["validation_loss"], abs=0.02)
    assert after["parameters"] == before["parameters"]


def test_a_base_that_does_not_fit_is_named(styles, token_folder, tmp_path) -> None:
    from tokenizers import Tokenizer

    gpt2 = str(styles["gpt2"][0])
    with pytest.raises(UserError, match="expected a pretrained encoder model, found GPT2LMHeadModel"):
        run(token_folder, tmp_path, architecture="encoder", base=gpt2, **NO_SIZES)
    with pytest.raises(UserError, match=r"layers: .* has 1, expected 3. Leave the sizes of a base out"):
        run(token_folder, tmp_path, base=gpt2, layers=3)
    with pytest.raises(UserError, match=r"context: .* has vectors for 32 positions; expected at least 64"):
        run(token_folder, tmp_path, base=gpt2, context=64, **NO_SIZES)
    other = tmp_path / "other"
    shutil.copytree(gpt2, other)
    tokenizer = Tokenizer.from_file(str(other / "tokenizer.json"))
    tokenizer.add_tokens(["新词"])
    tokenizer.save(str(other / "tokenizer.json"))
    with pytest.raises(UserError, match=r"parts texts otherwise than .*tokenizer, which encoded the corpus"):
        run(token_folder, tmp_path, base=str(other), **NO_SIZES)
    content = json.loads((other / "tokenizer.json").read_text())
    first, second = "a", "b"
    vocabulary = content["model"]["vocab"]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    (other / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"gives 'a' the id .* expected the same tokenizer"):
        run(token_folder, tmp_path, base=str(other), **NO_SIZES)
    with pytest.raises(UserError, match="nowhere: expected a Hugging Face model to go on from"):
        run(token_folder, tmp_path, base=str(tmp_path / "nowhere"), **NO_SIZES)
    (other / "model.safetensors").unlink()
    shutil.copy(styles["gpt2"][0] / "tokenizer.json", other)
    (other / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(UserError, match="expected weights as safetensors, found none"):
        run(token_folder, tmp_path, base=str(other), **NO_SIZES)


def section(**changes) -> Pretrain:
    given = {"architecture": "decoder", "context": 64, "batch": 4, "steps": 5, **changes}
    return validated(Pretrain, given, "params.yaml", "pretrain.x")


def test_depth_stands_for_sizes_and_rates() -> None:
    small, large = section(depth=2), section(depth=12)
    assert (small.layers, small.hidden, small.heads, small.feed_forward) == (2, 128, 2, 384)
    assert (large.layers, large.hidden, large.heads, large.feed_forward) == (12, 768, 12, 2048)
    assert small.learning_rate == large.learning_rate == 0.02
    assert large.embedding_learning_rate == pytest.approx(small.embedding_learning_rate / 6**0.5, abs=1e-6)
    adamw = section(depth=8, optimizer="adamw"), section(depth=2, optimizer="adamw")
    assert adamw[0].learning_rate == pytest.approx(adamw[1].learning_rate / 2)
    gpt2 = section(depth=12, style="gpt2", learning_rate=0.01, heads=6)
    assert (gpt2.feed_forward, gpt2.heads, gpt2.learning_rate) == (3072, 6, 0.01)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style": "bert", "depth": 1}, "style: expected llama or gpt2 for a decoder, found bert"),
        ({"learning_rate": 0.1, "layers": 2}, "expected depth, or hidden, heads, feed_forward too"),
        ({"depth": 2, "style": "gpt2", "positions": 128}, "learns a vector for each position"),
        ({"depth": 2, "heads": 3}, r"heads: expected to divide hidden \(128\)"),
        ({"depth": 0}, "depth"),
        ({"layers": 1, "hidden": 32, "heads": 2, "feed_forward": 48}, "learning_rate: missing"),
    ],
)
def test_shapes_that_do_not_fit_are_named(changes, message) -> None:
    with pytest.raises(UserError, match=message):
        section(**changes)
