"""WEAT and SEAT on a model's embeddings: planted associations are found, vectors are as defined."""

import numpy as np
import pytest
import torch
import transformers

from textmill.config.probe import Seat
from textmill.errors import UserError
from textmill.evaluation.bias.weat import differential, effect_size
from textmill.evaluation.bias.wordsets import WordTest
from textmill.evaluation.embeddings.vectors import unit_length
from textmill.evaluation.probes.seat import probe, seat_report, sentence_embeddings, word_embeddings
from textmill.progress import Progress

TEST = WordTest("planted", "gender", *((name, [f"{name}{i}" for i in range(6)]) for name in "xyab"))


def planted(strength):
    noise = np.random.default_rng(5).normal(size=(24, 12))
    noise[:6, 0] += strength
    noise[12:18, 0] += strength
    return unit_length(TEST.words, noise)


def test_a_planted_association_is_found_and_noise_is_not():
    settings = Seat(kind="seat", model="none", languages=["en"])
    [strong] = seat_report([("en", TEST)], {"en": planted(6.0)}, settings, 1)
    [none] = seat_report([("en", TEST)], {"en": planted(0.0)}, settings, 1)
    assert strong["effect"]["value"] > 1.5 and strong["p_adjusted"] < 0.01 < 0.05 < none["p"]
    vectors = planted(6.0)
    x, y, a, b = (vectors.of(words) for _, words in (TEST.x, TEST.y, TEST.a, TEST.b))
    expected = effect_size(differential(x, a, b), differential(y, a, b))
    assert strong["effect"]["value"] == pytest.approx(expected, abs=1e-4) and strong["words"] == [6] * 4


def test_words_are_means_of_input_embeddings(encoder, tokenizer):
    model = transformers.AutoModelForMaskedLM.from_pretrained(encoder)
    table = model.get_input_embeddings().weight.detach().numpy()
    for word, spaced in (("window", " window"), ("窗口", "窗口")):
        expected = table[tokenizer(spaced, add_special_tokens=False)["input_ids"]].mean(0)
        found = word_embeddings(encoder, [word], 1).matrix[0]
        np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-5)


@pytest.mark.parametrize("name", ["decoder", "encoder"])
def test_sentences_are_read_alone_whatever_the_batch(request, tokenizer, name):
    directory = request.getfixturevalue(name)
    auto = transformers.AutoModelForCausalLM if name == "decoder" else transformers.AutoModelForMaskedLM
    model = auto.from_pretrained(directory).eval().base_model
    words = ["women", "career", "a wonderful film"]
    found = sentence_embeddings(directory, words, "en", 1, 40)
    for word, vector in zip(words, found.matrix, strict=True):
        each = []
        for template in ("This is {}.", "That is {}.", "Here is {}."):
            text = template.format(word)
            ids = tokenizer(text, add_special_tokens=name == "encoder")["input_ids"]
            given = torch.tensor([[tokenizer.eos_token_id, *ids] if name == "decoder" else ids])
            with torch.inference_mode():
                hidden = model(given).last_hidden_state[0]
            one = (hidden[-1] if name == "decoder" else hidden.mean(0)).numpy()
            each.append(one / np.linalg.norm(one))
        expected = np.mean(each, axis=0)
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-4)


def test_both_languages_are_measured(decoder, seq2seq):
    settings = {"kind": "seat", "permutations": 100, "resamples": 100}
    with Progress("probe") as progress:
        found = probe(Seat(model=str(decoder), **settings), 1, progress)
        assert {row["language"] for row in found["tests"]} == {"en", "zh"} and found["n"] == len(
            found["tests"]
        )
        assert all({"effect", "p", "p_adjusted", "words"} <= set(row) for row in found["tests"])
        with pytest.raises(UserError, match="found an encoder-decoder"):
            probe(Seat(model=str(seq2seq), level="words", **settings), 1, progress)
