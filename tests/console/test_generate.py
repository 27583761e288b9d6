"""`textmill generate`: a prompt from the command line or stdin, answered as transformers answers."""

import io
import json

import pytest
import torch
import transformers

from tests.evaluation.conftest import make_tokenizer, save
from textmill.console.generate import Request, generate, write
from textmill.errors import UserError

PROMPT = "打开文件, open the file"


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    torch.manual_seed(4)
    tokenizer = make_tokenizer(add_eos=False)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=48, initializer_range=0.3,
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return save(transformers.LlamaForCausalLM(config), tokenizer, tmp_path_factory.mktemp("decoder"))


def test_a_prompt_is_gone_on_with_as_transformers_does(decoder, capsys, monkeypatch):
    tokenizer = transformers.AutoTokenizer.from_pretrained(decoder)
    model = transformers.AutoModelForCausalLM.from_pretrained(decoder)
    batch = tokenizer(PROMPT, return_tensors="pt", return_token_type_ids=False)
    ids = model.generate(**batch, max_new_tokens=9, num_beams=3, num_return_sequences=2, do_sample=False)
    cut = batch["input_ids"].shape[1]
    expected = [text.strip() for text in tokenizer.batch_decode(ids[:, cut:], skip_special_tokens=True)]
    request = Request(str(decoder), None, beams=3, samples=2, max_tokens=9, as_json=True)
    monkeypatch.setattr("sys.stdin", io.StringIO(PROMPT + "\n"))
    generate(request)
    assert json.loads(capsys.readouterr().out) == {"prompt": PROMPT, "outputs": expected}


def test_draws_are_repeated_by_their_seed(decoder):
    common = {"temperature": 2.0, "top_k": 40, "top_p": 0.95, "samples": 3, "max_tokens": 12}
    first = write(Request(str(decoder), None, seed=1, **common), PROMPT)
    assert first == write(Request(str(decoder), None, seed=1, **common), PROMPT)
    assert first != write(Request(str(decoder), None, seed=2, **common), PROMPT)
    assert len(set(first)) > 1


def test_a_chat_template_frames_the_prompt_unless_raw_is_asked(decoder, tmp_path):
    tokenizer = make_tokenizer(add_eos=False)
    tokenizer.chat_template = "{% for message in messages %}<bos>{{ message['content'] }}<sep>{% endfor %}"
    save(transformers.AutoModelForCausalLM.from_pretrained(decoder), tokenizer, tmp_path)
    framed = write(Request(str(tmp_path), None, max_tokens=16), PROMPT[:4])
    assert framed == write(
        Request(str(tmp_path), None, is_raw=True, max_tokens=16), f"<bos>{PROMPT[:4]}<sep>"
    )
    assert framed != write(Request(str(tmp_path), None, is_raw=True, max_tokens=16), PROMPT[:4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt": " "}, "--prompt: expected a text, found none"),
        ({"model": "nowhere"}, "nowhere: expected a model directory with a config.json, models:/NAME@ALIAS"),
        ({"max_tokens": 48}, "expected fewer than the model's 48 positions"),
        ({"top_p": 0.5}, "expected a temperature above 0"),
    ],
)
def test_mistakes_are_named(decoder, changes, message):
    with pytest.raises(UserError, match=message):
        generate(Request(**{"model": str(decoder), "prompt": PROMPT, **changes}))
