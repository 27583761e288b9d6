"""Two decoders on the same documents: each nat is transformers' own, whatever tokens they read."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from textmill.config.evaluate_lm import EvaluateLm
from textmill.errors import UserError
from textmill.registry.decoders import compare_decoders
from textmill.registry.promotion import register
from textmill.tokenization.packing import write_shard

DOCUMENTS = ["Save the file", "关闭窗口前请先保存文件", "A fine film", "Close the window", "不太好的电影"] * 4


def write_tokens(root: Path, directory: Path) -> None:
    """Token shards of the documents, as the tokenize stage writes them."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    end = [tokenizer.eos_token_id]
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] + end for text in DOCUMENTS]
    bounds = np.cumsum([0, *map(len, ids)]).astype(np.uint64)
    write_shard(root / "data/tokens/validation/part-00000.bin", np.concatenate(ids).astype(np.uint16), bounds)


@pytest.fixture(scope="module")
def foreign(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The other decoder with a tokenizer of bytes alone: longer sequences of the same text."""
    from tokenizers import Tokenizer

    directory = tmp_path_factory.mktemp("foreign") / "causal"
    transformers.AutoModelForCausalLM.from_pretrained(models / "causal-other").save_pretrained(directory)
    tokenizer = transformers.AutoTokenizer.from_pretrained(models / "causal")
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["model"]["merges"] = []
    bare = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)), pad_token="<pad>", eos_token="<eos>"
    )
    bare.save_pretrained(directory)
    return directory


def bits_per_byte(directory: Path) -> float:
    """The reference: one document at a time, all of it in the window."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()
    nats = 0.0
    for text in DOCUMENTS:
        end = tokenizer.eos_token_id
        ids = torch.tensor([[end, *tokenizer(text, add_special_tokens=False)["input_ids"], end]])
        with torch.inference_mode():
            nats += float(model(ids, labels=ids).loss) * (ids.shape[1] - 1)
    return nats / math.log(2) / sum(len(text.encode()) for text in DOCUMENTS)


@pytest.mark.parametrize("other", ["causal", "causal-other", "foreign"])
def test_difference_is_that_of_transformers_on_the_same_text(models, foreign, tmp_path, other):
    write_tokens(tmp_path, models / "causal")
    champion = foreign if other == "foreign" else models / other
    found = compare_decoders(
        "bits_per_byte", "1", tmp_path, models / "causal", champion, EvaluateLm(context=64), seed=1
    )
    expected = bits_per_byte(models / "causal") - bits_per_byte(champion)
    assert found.difference == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert found.low <= found.difference <= found.high
    assert "20 documents" in found.method
    if other == "causal":
        assert (found.difference, found.verdict) == (0.0, "tied")
    if other == "foreign":
        assert found.verdict == "won"


def test_figures_per_token_need_one_tokenizer(models, foreign, tmp_path):
    write_tokens(tmp_path, models / "causal")
    with pytest.raises(UserError, match="loss is per token, and the tokenizers differ; use bits_per_byte"):
        compare_decoders("loss", "1", tmp_path, models / "causal", foreign, EvaluateLm(), seed=1)


def test_a_worse_decoder_is_held_though_the_documents_are_new(project, models):
    write_tokens(project.root, models / "causal")
    register(project.root)
    weights = transformers.AutoModelForCausalLM.from_pretrained(models / "causal")
    with torch.no_grad():
        for parameter in weights.parameters():
            parameter.mul_(3.0)
    weights.save_pretrained(project.root / "models/pretrained/decoder")
    report = project.root / "reports/language_models/decoder.json"
    report.write_text(report.read_text().replace("t" * 64, "u" * 64))
    project.lock()
    outcome = register(project.root)[1]
    assert (outcome.version, outcome.status, outcome.champion) == ("2", "held", "1")
    assert outcome.reasons[0].startswith("champion on bits_per_byte: lost against version 1")
