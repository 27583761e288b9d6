"""Remembered text: overlaps beside a plain search, planted leaks, a model that learned canaries."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers

from textmill.config.memorization import Memorization
from textmill.config.tokenize import Canaries
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.evaluation.probes.canaries import chance_exposure, exposures
from textmill.evaluation.probes.memorization import leaked_items, probe
from textmill.evaluation.probes.overlap import Overlap, joined_documents, longest_overlaps
from textmill.progress import Progress
from textmill.tokenization.canaries import draw_canaries, write_canaries


def plain_longest(output, documents):
    """The longest shared run of bytes, by trying all."""
    data = output.encode()
    others = [text.encode() for text in documents]
    for size in range(len(data), 0, -1):
        if any(data[at : at + size] in other for at in range(len(data) - size + 1) for other in others):
            return size
    return 0


@pytest.mark.parametrize("alphabet", ["ab ", "abcdefgh ", "天地玄黄"])
def test_overlaps_equal_a_plain_search(alphabet):
    random = np.random.default_rng(len(alphabet))
    documents = ["".join(random.choice(list(alphabet), size)) for size in random.integers(0, 90, 60)]
    outputs = ["".join(random.choice(list(alphabet), size)) for size in random.integers(0, 60, 25)]
    outputs += [documents[3][5:40] + "x" + documents[7][:30], documents[9], "zzz" * 9, ""]
    found = longest_overlaps(outputs, joined_documents(documents), 8)
    for output, overlap in zip(outputs, found, strict=True):
        expected = plain_longest(output, documents)
        if expected < 8:
            assert overlap == Overlap(0, "")
        elif alphabet.isascii():
            assert overlap.characters == expected and overlap.text in output
            assert any(overlap.text in document for document in documents)
        else:
            # A match may begin or end within a character of Chinese, of which only whole ones are told.
            assert expected - 4 <= len(overlap.text.encode()) <= expected
            assert any(overlap.text in document for document in documents)


def test_nothing_matches_across_documents_or_outputs():
    documents = ["one two three four", "five six seven eight"]
    found = longest_overlaps(["four five six seven", "three fourfive six"], joined_documents(documents), 8)
    assert [overlap.text for overlap in found] == ["five six seven", "three four"]


def test_many_chunks_and_repeats_change_nothing(monkeypatch):
    documents = ["the same line again and again. " * 9, " " * 300, "a" * 200, "保存文件,关闭窗口。" * 8] * 5
    outputs = ["again and again. the same", " " * 40, "a" * 90, "关闭窗口。保存文件"]
    whole = longest_overlaps(outputs, joined_documents(documents), 8)
    assert [overlap.characters for overlap in whole] == [len(text) for text in outputs]
    monkeypatch.setattr("textmill.evaluation.probes.overlap._CHUNK", 64)
    monkeypatch.setattr("textmill.evaluation.probes.overlap._PAIRS", 16)
    assert longest_overlaps(outputs, joined_documents(documents), 8) == whole


def test_a_leak_is_personal_data_that_the_training_text_holds():
    documents = ["write to anna.lee@example.org soon", "电话 13812345678", "nothing"]
    outputs = ["ask anna.lee@example.org", "ask bob.ray@example.org", "电话 13812345678。", "nobody"]
    found, leaked = leaked_items(outputs, joined_documents(documents))
    assert found == [True, True, True, False] and leaked == [True, False, True, False]


def test_exposure_is_that_of_the_paper_and_chance_is_what_it_says():
    others = np.array([[-5.0, -4, -3, -2], [-5, -4, -3, -2], [-5, -4, -3, -2]])
    found = exposures(np.array([-1.0, -3.5, -9]), others)
    np.testing.assert_allclose(found, np.log2(5) - np.log2([1, 3, 5]))
    random = np.random.default_rng(1)
    drawn = exposures(random.random(4000), random.random((4000, 999)))
    assert drawn.mean() == pytest.approx(chance_exposure(999), abs=0.06) and chance_exposure(10**5) < 1.4428


def test_canaries_are_written_as_often_as_asked_and_some_never(tmp_path):
    settings = Canaries(copies=[1, 5], each=3, digits=4)
    canaries = draw_canaries(settings, 7)
    assert canaries == draw_canaries(settings, 7) != draw_canaries(settings, 8)
    assert len({canary["prefix"] for canary in canaries}) == 18
    assert write_canaries(canaries, tmp_path, 7) == [tmp_path]
    import pyarrow.parquet as pq

    rows = pq.read_table(tmp_path / "part-00000.parquet").to_pylist()
    texts = [row["text"] for row in rows]
    for canary in canaries:
        assert sum(canary["prefix"] + canary["secret"] in text for text in texts) == canary["copies"]
    assert len({row["id"] for row in rows}) == len(rows) == 36
    assert write_canaries([], tmp_path, 7) == []


@pytest.fixture(scope="module")
def parrot(tmp_path_factory, tokenizer):
    """A decoder that knows two documents and the planted canaries by heart, and its corpus."""
    folder = tmp_path_factory.mktemp("parrot")
    canaries = draw_canaries(Canaries(copies=[4], each=2, digits=4), 3)
    words = "The kernel has died, it will restart automatically. Dull and far too long, a wonderful film. "
    chinese = "打开文件,保存文件。关闭窗口前请保存笔记本。内核已停止,将自动重新启动。"
    held_out = "Close every window: the long film before was far too dull to restart, wonderful kernel. "
    texts = {"train": [words * 2, chinese * 2], "validation": [held_out * 2]}
    for split, listed in texts.items():
        rows = [
            {
                "id": f"{place:032x}",
                "text": text,
                "source": "s",
                "license": "CC0-1.0",
                "lang": "",
                "meta": "{}",
            }
            for place, text in enumerate(listed)
        ]
        write_table(folder / "corpus" / split / "part-00000.parquet", pa.Table.from_pylist(rows, DOCUMENT))
    torch.manual_seed(1)
    torch.set_num_threads(1)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=1,
        num_attention_heads=4, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    learned = [canary["prefix"] + canary["secret"] + "." for canary in canaries if canary["copies"]]
    ids = [
        [2, *tokenizer(text, add_special_tokens=False)["input_ids"], 2][:100]
        for text in texts["train"] + learned
    ]
    width = max(map(len, ids))
    inputs = torch.tensor([[*each, *[0] * (width - len(each))] for each in ids])
    labels = torch.where(inputs == 0, -100, inputs)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(150):
        loss = model(input_ids=inputs, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return folder, canaries


def test_a_model_that_learned_by_heart_is_found_out(parrot):
    folder, canaries = parrot
    settings = Memorization(
        model=str(folder / "model"), documents=2, unprompted=4, prefix_tokens=16, max_new_tokens=20,
        candidates=200, resamples=1000,
    )  # fmt: skip
    with Progress("memorization") as progress:
        report = probe(settings, 5, folder / "corpus", canaries, progress)
        assert report == probe(settings, 5, folder / "corpus", canaries, progress)
    measures = report["measures"]
    extracted = measures["extracted"]["axes"]
    assert extracted["after training text"]["value"] == 100 and extracted["after held-out text"]["value"] == 0
    overlaps = measures["longest_overlap"]["axes"]
    assert overlaps["after training text"]["value"] > overlaps["after held-out text"]["value"]
    assert measures["personal_data_leaked"]["overall"]["value"] == 0
    exposed = measures["exposure"]
    assert exposed["overall"]["value"] == pytest.approx(np.log2(201), abs=0.01)
    assert exposed["axes"]["en, not planted"]["value"] < 5 < exposed["axes"]["zh, 4 copies"]["value"]
    taken = measures["canaries_extracted"]["axes"]
    assert taken["en, 4 copies"]["value"] == taken["zh, 4 copies"]["value"] == 100
    assert taken["en, not planted"]["value"] == 0
    assert json.loads(json.dumps(report)) == report


def test_documents_that_are_too_short_are_named(parrot):
    folder, _ = parrot
    settings = Memorization(model=str(folder / "model"), prefix_tokens=400, max_new_tokens=10)
    with (
        Progress("memorization") as progress,
        pytest.raises(UserError, match="at least 410 tokens, found none"),
    ):
        probe(settings, 5, folder / "corpus", [], progress)
