"""The lean loop writes what transformers' `generate` writes: the same tokens, alone, in batches, in beams."""

import numpy as np
import pytest
import torch
import transformers
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from tests.evaluation.conftest import TEXTS, save
from textmill.errors import UserError
from textmill.modeling.decoding import Decoding, Generator, is_lean
from textmill.modeling.decoding.largest import best, largest
from textmill.modeling.decoding.sampling import draw, kept

END = 2
COMMON = {"vocab_size": 448, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": END}


def llama(**changes):
    shape = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 128, "initializer_range": 0.3,
    }  # fmt: skip
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**COMMON, **shape, **changes}))


def t5(**changes):
    shape = {
        "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0,
        "decoder_start_token_id": 0, "initializer_factor": 4.0,
    }  # fmt: skip
    return transformers.T5ForConditionalGeneration(transformers.T5Config(**{**COMMON, **shape, **changes}))


MODELS = {
    "llama": llama,
    "llama with shared keys": lambda: llama(num_key_value_heads=2, tie_word_embeddings=True, head_dim=16),
    "llama with long positions": lambda: llama(
        rope_parameters={"rope_type": "linear", "factor": 4.0, "rope_theta": 5000.0}
    ),
    "t5": t5,
    "t5 with gates": lambda: t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_heads=2),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads of tiny products wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """Norms and biases away from their start, and an end token that rows meet at different times."""
    torch.manual_seed(5)
    made = MODELS[request.param]().eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "norm" in name or "relative_attention_bias" in name:
                weight.add_(torch.randn_like(weight) * 0.3)
        made.lm_head.weight[END] *= 2.5
    return made


def generated(model, inputs, side, **wanted):
    """What `generate` writes, padded at `side`, each output up to its end token."""
    longest = max(map(len, inputs))
    ids, mask = torch.zeros(len(inputs), longest, dtype=torch.long), torch.zeros(len(inputs), longest)
    for row, tokens in enumerate(inputs):
        at = 0 if side == "right" else longest - len(tokens)
        ids[row, at : at + len(tokens)] = torch.tensor(tokens)
        mask[row, at : at + len(tokens)] = 1
    with torch.inference_mode():
        found = model.generate(input_ids=ids, attention_mask=mask.long(), do_sample=False, **wanted)
    rows = found[:, 1 if model.config.is_encoder_decoder else longest :].tolist()
    return [row[: row.index(END) + 1] if END in row else row for row in rows]


def inputs_of(tokenizer, count):
    """English and Chinese, long and short."""
    texts = [TEXTS[at % len(TEXTS)] * (1 + at // len(TEXTS)) for at in range(count)]
    return [tokenizer(text)["input_ids"][: 6 + 2 * at] for at, text in enumerate(texts)]


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("beams", [1, 4])
def test_tokens_are_those_of_generate(model, tokenizer, batch, beams):
    assert is_lean(model)
    inputs = inputs_of(tokenizer, batch)
    side = "right" if model.config.is_encoder_decoder else "left"
    expected = generated(model, inputs, side, num_beams=beams, num_return_sequences=beams, max_new_tokens=24)
    found = Generator(model)(inputs, Decoding(max_new_tokens=24, beams=beams, samples=beams))
    assert [tokens for item in found for tokens in item] == expected
    if batch > 1:
        assert len({len(tokens) for tokens in expected}) > 2


def test_a_generator_can_be_used_again_and_rows_do_not_touch_each_other(model, tokenizer):
    inputs, settings = inputs_of(tokenizer, 9), Decoding(max_new_tokens=16, beams=3)
    generator = Generator(model)
    together = generator(inputs, settings)
    assert [generator([one], settings)[0] for one in inputs] == together
    assert generator(inputs[::-1], settings) == together[::-1]


def test_draws_depend_on_seed_and_place_not_on_the_batch(model, tokenizer):
    inputs = inputs_of(tokenizer, 8)
    warm = {"max_new_tokens": 12, "temperature": 3.0, "top_k": 50, "top_p": 0.99, "samples": 2}
    settings = Decoding(**warm, seed=7)
    generator = Generator(model)
    together = generator(inputs, settings)
    apart = [generator([inputs[row]], settings, [row])[0] for row in range(8)]
    assert together == apart
    assert sum(first != second for first, second in together) > 1
    assert (
        generator(
            inputs, Decoding(max_new_tokens=12, temperature=3.0, top_k=50, top_p=0.99, samples=2, seed=8)
        )
        != together
    )
    # So cold that only the likeliest token is ever drawn.
    cold = generator(inputs, Decoding(max_new_tokens=12, temperature=1e-4, samples=2))
    greedy = generator(inputs, Decoding(max_new_tokens=12))
    assert cold == [[best, best] for (best,) in greedy]


@pytest.mark.parametrize("top_k", [0, 7])
@pytest.mark.parametrize("top_p", [0.3, 0.9, 1.0])
def test_what_may_be_drawn_and_how_often_is_as_transformers_has_it(top_k, top_p):
    logits = torch.randn(6, 60, generator=torch.Generator().manual_seed(3)) * 2
    settings = Decoding(temperature=0.8, top_k=top_k, top_p=top_p)
    warped = TemperatureLogitsWarper(0.8)(None, logits.clone())
    if top_k:
        warped = TopKLogitsWarper(top_k)(None, warped)
    if top_p < 1:
        warped = TopPLogitsWarper(top_p)(None, warped)
    expected = warped.softmax(-1)
    masses, tokens = kept(logits, settings)
    found = masses if tokens is None else torch.zeros_like(logits).scatter(1, tokens, masses)
    torch.testing.assert_close(found / found.sum(-1, keepdim=True), expected)
    # Evenly spaced numbers draw each token as often as its probability says.
    numbers = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    for row in range(6):
        drawn = draw(logits[row].expand(4000, -1), settings, numbers)
        counts = np.bincount(drawn.numpy(), minlength=60) / 4000
        assert np.abs(counts - expected[row].numpy()).max() <= 1 / 4000 + 1e-6


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_tokens_that_may_be_drawn(number):
    logits = torch.full((1, 100), -200.0)
    logits[0, 40:43] = torch.tensor([1.0, 3.0, 2.0])
    for settings in (
        Decoding(temperature=1, top_k=2),
        Decoding(temperature=1, top_p=0.95),
        Decoding(temperature=1),
    ):
        assert draw(logits, settings, torch.tensor([number], dtype=torch.float64))[0] in (40, 41, 42)


@pytest.mark.parametrize("vocabulary", [64, 448, 8192, 301])
def test_the_largest_scores_are_those_of_a_full_sort(vocabulary):
    scores = torch.randn(5, 4, vocabulary, generator=torch.Generator().manual_seed(1))
    added = torch.tensor([[0.0, -1.0, -2.0, -1e9]]).expand(5, -1)
    values, places = largest(scores, added, 8)
    expected, at = (scores + added[:, :, None]).flatten(1).topk(8)
    assert torch.equal(values, expected) and torch.equal(places, at)


@pytest.mark.parametrize("vocabulary", [64, 448, 301])
def test_the_best_token_is_the_first_of_equal_ones(vocabulary):
    scores = torch.randint(3, (40, vocabulary), generator=torch.Generator().manual_seed(2)).float()
    scores[0] = 0
    assert torch.equal(best(scores), scores.argmax(-1)) and best(scores)[0] == 0


def test_other_models_are_left_to_generate(tokenizer):
    torch.manual_seed(6)
    shape = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64, "initializer_range": 0.3}
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(**COMMON, **shape)).eval()
    penalised = llama().eval()
    penalised.generation_config.repetition_penalty = 1.5
    half = llama().to(torch.bfloat16).eval()
    inputs = inputs_of(tokenizer, 4)
    for other in (gpt2, penalised):
        assert not is_lean(other)
        expected = generated(other, inputs, "left", num_beams=2, max_new_tokens=8)
        assert [best for (best,) in Generator(other)(inputs, Decoding(max_new_tokens=8, beams=2))] == expected
    assert not is_lean(half)
    sampled = Decoding(max_new_tokens=8, temperature=1.0, samples=3)
    assert Generator(gpt2)(inputs, sampled) == Generator(gpt2)(inputs, sampled)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beams": 4, "temperature": 1.0}, "beams and temperature: expected one of them"),
        ({"top_k": 5}, "expected a temperature above 0 with them"),
        ({"samples": 3}, "samples: expected at most 1"),
        ({"top_p": 0.0, "temperature": 1.0}, "top_p: expected more than 0"),
        ({"max_new_tokens": 0}, "max_new_tokens: expected 1 to"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Decoding(**settings)


def test_an_empty_input_is_refused():
    with pytest.raises(ValueError, match="without a token"):
        Generator(llama().eval())([[5], []], Decoding())


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_ctranslate2_is_asked_for_what_torch_is_asked_for(tokenizer, tmp_path, monkeypatch, name):
    """With weights of full precision it writes the same tokens; with 8 bits a random model's go apart."""
    from textmill.modeling.decoding import int8

    torch.manual_seed(9)
    model = MODELS[name]().eval()
    model.resize_token_embeddings(len(tokenizer))
    save(model, tokenizer, tmp_path)
    inputs = inputs_of(tokenizer, 6)
    expected = Generator(model)(inputs, Decoding(max_new_tokens=10))
    is_seq2seq = model.config.is_encoder_decoder
    rough = int8.Int8Generator(tmp_path, tokenizer, is_seq2seq, 1)(inputs, Decoding(max_new_tokens=10))
    assert all(1 <= len(best) <= 10 for (best,) in rough)
    monkeypatch.setattr(int8, "PRECISION", "float32")
    engine = int8.Int8Generator(tmp_path, tokenizer, is_seq2seq, 1)
    found = engine(inputs, Decoding(max_new_tokens=10))
    assert [_written(best) for (best,) in found] == [_written(best) for (best,) in expected]
    beams = engine(inputs, Decoding(max_new_tokens=10, beams=3, samples=2))
    assert all(len(item) == 2 for item in beams)
    with pytest.raises(UserError, match="expected 0 with ctranslate2"):
        engine(inputs, Decoding(temperature=1.0))


def _written(tokens):
    """CTranslate2 leaves the end token away."""
    return [token for token in tokens if token != END]


def test_the_evaluation_can_ask_for_ctranslate2(seq2seq):
    from textmill.evaluation.generation import generate

    found = generate(seq2seq, TEXTS[:3], beams=2, max_new_tokens=6, decoding="ctranslate2")
    assert len(found) == 3 and all(isinstance(text, str) for text in found)
