"""Losses of batched windows equal those of plain calls of the same model, one document at a time."""

import math

import numpy as np
import pytest
import torch
import transformers

from textmill.errors import UserError
from textmill.evaluation.denoising_model import corrupt, hidden_spans, seq2seq_losses
from textmill.evaluation.language_model import (
    decoder_losses,
    document_sums,
    language_model_metrics,
    windows,
)
from textmill.evaluation.loading import frame, pretrained_kind, sentinels
from textmill.evaluation.masked_model import encoder_losses, hidden_positions
from textmill.evaluation.token_documents import (
    TokenDocuments,
    draw_documents,
    pieces,
    read_documents,
    token_bytes,
)

EOS = 2
TEXTS = [
    "Save the notebook.",
    "关闭窗口前请保存笔记本。" * 3,
    "A",
    "The kernel has died, it will restart. " * 5,
]


@pytest.fixture(scope="module")
def documents(tokenizer):
    ids = [[*tokenizer(text, add_special_tokens=False)["input_ids"], EOS] for text in TEXTS]
    starts = np.cumsum([0] + [len(row) for row in ids]).astype(np.uint64)
    return TokenDocuments(np.array([i for row in ids for i in row], dtype=np.uint16), starts)


def test_windows_predict_each_token_once_with_enough_context():
    for length in (1, 7, 8, 9, 30):
        seen = []
        for start, end, counted in windows(length, 8, 3):
            assert end - start <= 8
            assert counted == 0 or counted - start >= 8 - 3
            seen += range(counted, end)
        assert seen == list(range(length))


@pytest.mark.parametrize("batch_tokens", [40, 4096])
def test_decoder_losses_equal_a_document_at_a_time(decoder, documents, batch_tokens):
    model = transformers.AutoModelForCausalLM.from_pretrained(decoder).eval()
    expected = []
    for row in documents:
        ids = row.astype(np.int64).tolist()
        total = 0.0
        for at in range(len(ids)):
            start = 0 if at < 16 else 8 * ((at - 16) // 8 + 1)
            history = ([EOS, *ids])[start : at + 1]
            with torch.inference_mode():
                logits = model(torch.tensor([history])).logits[0, -1]
            total -= logits.log_softmax(-1)[ids[at]].item()
        expected.append(total)
    found = decoder_losses(model, documents, EOS, context=16, stride=8, batch_tokens=batch_tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bits_per_byte_of_a_uniform_model_is_log2_of_the_vocabulary_per_token(tokenizer, documents):
    sizes = token_bytes(tokenizer)
    counted = document_sums(sizes[documents.tokens], documents)
    assert counted.tolist() == [len(text.encode()) for text in TEXTS]
    tokens = documents.lengths.astype(float)
    sums = np.column_stack([tokens * math.log(400), tokens, counted]).sum(0)
    loss, perplexity, bits = (float(metric.score(sums)) for metric in language_model_metrics())
    assert loss == pytest.approx(math.log(400))
    assert perplexity == pytest.approx(400)
    assert bits == pytest.approx(math.log2(400) * tokens.sum() / counted.sum())


def test_bits_per_byte_need_a_byte_level_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers

    backend = Tokenizer(models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")
    with pytest.raises(UserError, match="byte-level"):
        token_bytes(words)


@pytest.mark.parametrize("before, after", [([], []), ([1], [EOS])])
def test_encoder_losses_equal_a_piece_at_a_time(encoder, tokenizer, documents, before, after):
    model = transformers.AutoModelForMaskedLM.from_pretrained(encoder).eval()
    hidden = hidden_positions(documents, EOS, 0.3, seed=5)
    assert 0.15 < hidden.mean() < 0.45 and not hidden[documents.tokens == EOS].any()
    expected, best = [], []
    for start, end in pieces(documents, 24):
        ids = torch.from_numpy(documents.tokens[start:end].astype(np.int64))
        at = torch.from_numpy(hidden[start:end])
        framed = [*before, *ids.masked_fill(at, tokenizer.mask_token_id).tolist(), *after]
        with torch.inference_mode():
            logits = model(torch.tensor([framed])).logits[0, len(before) :][: len(ids)]
        scores = logits.log_softmax(-1)
        expected += (-scores[at, ids[at]]).tolist()
        best += (scores.argmax(-1) == ids)[at].tolist()
    losses, right = encoder_losses(
        model, documents, hidden, tokenizer.mask_token_id, (before, after), 24, batch_tokens=60
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert right.tolist() == best


def test_frame_is_what_the_tokenizer_adds(tokenizer):
    assert frame(tokenizer) == ([], [EOS])


def test_seq2seq_losses_equal_a_piece_at_a_time(seq2seq, tokenizer, documents):
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(seq2seq).eval()
    extra = sentinels(tokenizer)
    hidden = hidden_spans(documents, 24, 0.2, 3.0, len(extra), seed=5)
    expected = []
    for start, end in pieces(documents, 24):
        if not hidden[start:end].any():
            continue
        tokens, flags = documents.tokens[start:end].astype(np.int64).tolist(), hidden[start:end].tolist()
        source, target, text = corrupt(tokens, flags, extra, EOS)
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([source]), labels=torch.tensor([target])).logits[0]
        scores = logits.log_softmax(-1)
        expected += [-scores[i, token].item() for i, token in enumerate(target) if text[i]]
    losses, _ = seq2seq_losses(model, documents, hidden, extra, EOS, 24, batch_tokens=80)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_spans_hide_the_fraction_and_corruption_loses_nothing(documents):
    hidden = hidden_spans(documents, 50, 0.2, 3.0, 32, seed=1)
    extra = list(range(1000, 1032))
    for start, end in pieces(documents, 50):
        tokens, flags = documents.tokens[start:end].tolist(), hidden[start:end]
        assert flags.sum() == (max(1, round(0.2 * len(tokens))) if len(tokens) > 1 else 0)
        source, target, text = corrupt(tokens, flags.tolist(), extra, EOS)
        spans = {}
        for token in target[:-1]:
            if token >= 1000:
                current = spans.setdefault(token, [])
            else:
                current.append(token)
        assert sum(text) == flags.sum() and target[-1] == EOS
        assert source.pop() == EOS
        assert [back for token in source for back in spans.get(token, [token])] == tokens


def test_kinds_of_pretrained_models_are_told_apart(decoder, encoder, seq2seq, classifier, tmp_path):
    assert [pretrained_kind(path) for path in (decoder, encoder, seq2seq)] == [
        "decoder",
        "encoder",
        "seq2seq",
    ]
    with pytest.raises(UserError, match="BertForSequenceClassification"):
        pretrained_kind(classifier)
    with pytest.raises(UserError, match="expected a model"):
        pretrained_kind(tmp_path)


def write_shards(directory, shards):
    directory.mkdir(parents=True)
    for number, documents in enumerate(shards):
        np.array([t for d in documents for t in d], dtype="<u2").tofile(directory / f"part-{number:05d}.bin")
        offsets = np.cumsum([0] + [len(d) for d in documents]).astype("<u8")
        offsets.tofile(directory / f"part-{number:05d}.idx")


def test_shards_are_read_in_order_and_up_to_a_limit(tmp_path):
    write_shards(tmp_path / "t", [[[7, 2], [8, 9, 2]], [[5, 2], [6, 6, 6, 2]]])
    everything = read_documents(tmp_path / "t")
    assert [row.tolist() for row in everything] == [[7, 2], [8, 9, 2], [5, 2], [6, 6, 6, 2]]
    assert [row.tolist() for row in read_documents(tmp_path / "t", 8)] == [[7, 2], [8, 9, 2], [5, 2]]
    drawn = draw_documents(everything, 7, seed=3)
    assert 0 < len(drawn.tokens) <= 7
    again = draw_documents(everything, 7, seed=3)
    assert drawn.tokens.tolist() == again.tokens.tolist()


def test_shards_that_do_not_fit_are_named(tmp_path):
    write_shards(tmp_path / "t", [[[7, 2], [8, 9, 2]]])
    (tmp_path / "t" / "part-00000.bin").write_bytes(b"\0\0")
    with pytest.raises(UserError, match=r"part-00000.bin: expected 10 bytes"):
        read_documents(tmp_path / "t")
    with pytest.raises(UserError, match="expected token shards"):
        read_documents(tmp_path / "none")
    write_shards(tmp_path / "long", [[[7, 8, 2]]])
    with pytest.raises(UserError, match="none within the first 2 tokens"):
        read_documents(tmp_path / "long", 2)
