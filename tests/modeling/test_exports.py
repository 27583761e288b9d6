"""Exports answer as the model does, in each format's own runtime; what cannot be exported is refused."""

import json

import numpy as np
import pytest
import torch
import transformers

from tests.evaluation.conftest import make_tokenizer, save
from textmill.errors import UserError
from textmill.modeling.exports import export
from textmill.modeling.exports.export import TOLERANCE

COMMON = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
TEXTS = ["Save the notebook, it's 12 o'clock.", "关闭窗口前请保存笔记本。"]


@pytest.fixture(scope="module")
def tokenizer():
    made = make_tokenizer(add_eos=False)
    made.chat_template = "{% for message in messages %}{{ message['content'] }}<sep>{% endfor %}"
    return made


@pytest.fixture(scope="module")
def models(tmp_path_factory, tokenizer):
    """Directories by kind; norms and biases away from where they start."""
    torch.manual_seed(8)
    size = {"vocab_size": len(tokenizer) + 6, **COMMON}
    made = {
        "llama": transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                **size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.2,
                rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
            )
        ),
        "t5": transformers.T5ForConditionalGeneration(
            transformers.T5Config(
                **size, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4, decoder_start_token_id=0
            )
        ),
        "classifier": transformers.BertForSequenceClassification(
            transformers.BertConfig(
                **size, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
                max_position_embeddings=48,
            )
        ),
        "gpt2": transformers.GPT2LMHeadModel(
            transformers.GPT2Config(**size, n_embd=32, n_layer=1, n_head=2, n_positions=64)
        ),
    }  # fmt: skip
    root = tmp_path_factory.mktemp("models")
    for kind, model in made.items():
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if "norm" in name.lower() or "bias" in name:
                    weight.add_(torch.randn_like(weight) * 0.2)
        save(model, tokenizer, root / kind)
    return root


def logits_of(directory, texts):
    model = transformers.AutoModelForCausalLM.from_pretrained(directory).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    with torch.inference_mode():
        return [
            model(input_ids=tokenizer(text, return_tensors="pt")["input_ids"]).logits[0] for text in texts
        ]


def test_gguf_holds_model_and_tokenizer(models, tmp_path):
    done = export(models / "llama", "gguf", tmp_path / "gguf")
    assert done.difference <= TOLERANCE and done.files == ["model.gguf"]
    read = {"gguf_file": "model.gguf"}
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "gguf", **read).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "gguf", **read)
    for text, expected in zip(TEXTS, logits_of(models / "llama", TEXTS), strict=True):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            torch.testing.assert_close(again(input_ids=ids).logits[0], expected, atol=1e-5, rtol=0)
    original = transformers.AutoTokenizer.from_pretrained(models / "llama")
    message = [{"role": "user", "content": TEXTS[1]}]
    assert tokenizer.apply_chat_template(message) == original.apply_chat_template(message)
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<eos>", "<pad>")
    assert tokenizer("a<sep>b")["input_ids"] == original("a<sep>b")["input_ids"]


def test_ctranslate2_reads_what_its_converter_wrote(models, tmp_path):
    import ctranslate2

    for kind in ("llama", "t5"):
        done = export(models / kind, "ctranslate2", tmp_path / kind)
        assert done.difference <= TOLERANCE and "model.bin" in done.files
    generator = ctranslate2.Generator(str(tmp_path / "llama"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "llama")
    for text, expected in zip(TEXTS, logits_of(models / "llama", TEXTS), strict=True):
        found = np.array(generator.forward_batch([tokenizer(text)["input_ids"]]))[0]
        assert np.abs(found - expected.numpy()).max() < 1e-4


def test_safetensors_are_float32_whatever_the_model_was(models, tmp_path):
    half = transformers.AutoModelForCausalLM.from_pretrained(models / "llama").to(torch.bfloat16)
    save(half, make_tokenizer(), tmp_path / "half")
    done = export(tmp_path / "half", "safetensors", tmp_path / "out")
    assert done.difference == 0 and "tokenizer.json" in done.files
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert {weight.dtype for weight in again.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    "kind", ["llama", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("t5", "classifier", "gpt2"))]
)
def test_onnx_takes_any_batch_and_length(models, tmp_path, kind):
    import onnxruntime

    done = export(models / kind, "onnx", tmp_path / "onnx")
    assert done.difference <= TOLERANCE
    session = onnxruntime.InferenceSession(tmp_path / "onnx/model.onnx")
    shapes = {given.name: given.shape for given in session.get_inputs()}
    ids = {"input_ids": [[5, 6, 7, 8, 9]], "attention_mask": [[1] * 5], "decoder_input_ids": [[0, 7]]}
    answer = session.run(None, {name: np.array(ids[name]) for name in shapes})[0]
    assert answer.shape[0] == 1 and np.isfinite(answer).all()
    assert all(isinstance(size, str) for shape in shapes.values() for size in shape)


@pytest.mark.parametrize(
    ("kind", "to", "message"),
    [
        ("t5", "gguf", "expected LlamaForCausalLM for gguf, found T5ForConditionalGeneration"),
        ("gpt2", "gguf", "found GPT2LMHeadModel"),
        (
            "classifier",
            "ctranslate2",
            "found BertForSequenceClassification; CTranslate2 runs",
        ),
        ("llama", "tflite", "--to tflite: expected one of safetensors, onnx, gguf, ctranslate2"),
    ],
)
def test_pairs_that_do_not_go_are_refused_and_leave_nothing(models, tmp_path, kind, to, message):
    with pytest.raises(UserError, match=message):
        export(models / kind, to, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_class_that_the_converter_does_not_know_is_named(tmp_path, tokenizer):
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = transformers.OlmoConfig(vocab_size=len(tokenizer), **COMMON, **shape)
    save(transformers.OlmoForCausalLM(config), tokenizer, tmp_path / "olmo")
    with pytest.raises(UserError, match=r"converter does not know this model: .*OlmoConfig"):
        export(tmp_path / "olmo", "ctranslate2", tmp_path / "out")


def test_a_wrong_export_is_not_kept(models, tmp_path, monkeypatch):
    from textmill.modeling.exports import gguf

    monkeypatch.setattr(gguf, "_turned", lambda name, tensor, config: tensor.contiguous())
    with pytest.raises(UserError, match="a logit of LlamaForCausalLM is off by"):
        export(models / "llama", "gguf", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_targets_with_other_files_are_left_alone(models, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("keep")
    with pytest.raises(UserError, match="expected an empty directory or an earlier export"):
        export(models / "llama", "safetensors", tmp_path / "mine")
    with pytest.raises(UserError, match="another directory than the model's own"):
        export(models / "llama", "safetensors", models / "llama")
    assert (tmp_path / "mine/notes.txt").read_text() == "keep"
    export(models / "llama", "safetensors", tmp_path / "again")
    assert export(models / "llama", "gguf", tmp_path / "again").files == ["model.gguf"]


def test_a_tokenizer_that_gguf_cannot_describe_is_refused(models, tmp_path, tokenizer):
    save(transformers.AutoModelForCausalLM.from_pretrained(models / "llama"), tokenizer, tmp_path / "m")
    file = tmp_path / "m/tokenizer.json"
    parts = json.loads(file.read_text())
    parts["pre_tokenizer"]["add_prefix_space"] = True
    file.write_text(json.dumps(parts))
    with pytest.raises(UserError, match="expected a byte-level BPE tokenizer with GPT-2's word pattern"):
        export(tmp_path / "m", "gguf", tmp_path / "out")
